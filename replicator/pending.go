package replicator

import (
	"sync"

	"github.com/mirrorball-dev/mirrorball/informers"
)

// pending holds, for each source, what has to be looked at in its next passes. What is urgent is kept apart: a pass
// over one new namespace does not wait for, nor take along, ten thousand targets that are still to be written.
type pending struct {
	mu sync.Mutex
	of map[informers.Key]*pendingChanges
}

type pendingChanges struct{ urgent, ordinary informers.Change }

func newPending() *pending { return &pending{of: map[informers.Key]*pendingChanges{}} }

func (p *pending) add(key informers.Key, change informers.Change) {
	if change.Scope.Empty() && !change.Urgent && !change.Deleted {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.of[key]
	if c == nil {
		c = &pendingChanges{}
		p.of[key] = c
	}
	if change.Urgent {
		c.urgent.Add(change)
	} else {
		c.ordinary.Add(change)
	}
}

// take returns what the next pass has to look at, what is urgent first, and reports whether more is pending.
func (p *pending) take(key informers.Key) (change informers.Change, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.of[key]
	switch {
	case c == nil:
		return informers.Change{}, false
	case c.urgent.Urgent && !c.urgent.Scope.Full && !c.ordinary.Scope.Empty():
		change, c.urgent = c.urgent, informers.Change{}
		return change, true
	}
	delete(p.of, key)
	c.urgent.Add(c.ordinary)
	return c.urgent, false
}

// peek reports whether something urgent is pending, and whether the source's policy has changed.
func (p *pending) peek(key informers.Key) (urgent, outdated bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.of[key]
	return c != nil && c.urgent.Urgent, c != nil && (c.urgent.Outdating || c.ordinary.Outdating)
}
