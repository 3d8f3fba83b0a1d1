package replicator

import (
	"sync"

	"github.com/mirrorball-dev/mirrorball/informers"
)

// pending holds, for each source, what has changed since its last pass began.
type pending struct {
	mu sync.Mutex
	of map[informers.Key]*informers.Change
}

func newPending() *pending { return &pending{of: map[informers.Key]*informers.Change{}} }

func (p *pending) add(key informers.Key, change informers.Change) {
	if change.Scope.Empty() && !change.Urgent && !change.Deleted {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of[key] == nil {
		p.of[key] = &informers.Change{}
	}
	p.of[key].Add(change)
}

// take returns what has changed and forgets it.
func (p *pending) take(key informers.Key) informers.Change {
	p.mu.Lock()
	defer p.mu.Unlock()
	change := p.of[key]
	delete(p.of, key)
	if change == nil {
		return informers.Change{}
	}
	return *change
}

// peek reports whether something urgent has changed, and whether the source's policy has.
func (p *pending) peek(key informers.Key) (urgent, outdated bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change := p.of[key]
	return change != nil && change.Urgent, change != nil && change.Outdating
}
