package replicator

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/events"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// rulesInterval is the time between two looks at whether the watch shows the rules as they are.
const rulesInterval = 50 * time.Millisecond

// UnreadableRulesError says that the operator's rules can't be read at a start, when there are none to fall back on.
type UnreadableRulesError struct{ err error }

// Error implements error.
func (e *UnreadableRulesError) Error() string { return e.err.Error() }

// Unwrap returns what is wrong with the rules.
func (e *UnreadableRulesError) Unwrap() error { return e.err }

// rulebook holds the rules that are in force: the last readable ones, or the built-in ones where there is no document.
type rulebook struct {
	// name is the ConfigMap's, and watched returns what the watch shows of it.
	name     types.NamespacedName
	watched  func() *informers.RulesDocument
	recorder events.Recorder
	// changed tells run that there is something to announce.
	changed chan struct{}

	mu sync.Mutex
	// rules are nil until they were read. document is where they are from; nil for the built-in ones.
	rules    *rules.Rules
	document *informers.RulesDocument
	// unreadable says why the newest document is not in force, and newest which one that is.
	unreadable error
	newest     *informers.RulesDocument
	// announced is what was last said of them.
	announced string
}

func newRulebook(namespace string, watched func() *informers.RulesDocument, recorder events.Recorder) *rulebook {
	return &rulebook{
		name:    types.NamespacedName{Namespace: namespace, Name: informers.RulesName},
		watched: watched, recorder: recorder, changed: make(chan struct{}, 1),
	}
}

// refresh takes in what the watch shows. What can't be read does not come into force.
func (b *rulebook) refresh() {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.watched()
	r, err := b.read(d)
	b.newest, b.unreadable = d, err
	if err == nil {
		b.rules, b.document = r, d
	}
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// read returns the rules that a document holds; nil stands for none.
func (b *rulebook) read(d *informers.RulesDocument) (*rules.Rules, error) {
	switch {
	case d == nil:
		return rules.Default(b.name.Namespace), nil
	case !d.Present:
		return nil, fmt.Errorf("the rules in the ConfigMap %s cannot be read: expected the key %s; add it, or delete the "+
			"ConfigMap to use the built-in rules", b.name, informers.RulesKey)
	}
	r, err := rules.Parse(d.Text)
	if err != nil {
		return nil, fmt.Errorf("the rules in the ConfigMap %s cannot be read: %s: %w", b.name, informers.RulesKey, err)
	}
	return r, nil
}

// catchUp returns true once the watch shows the rules that the API server has, and false when ctx ends before. A
// standby may have seen others: what is pushed against the rules cannot be called back.
func (b *rulebook) catchUp(ctx context.Context, a *api) bool {
	b.refresh()
	//mutant:rules-of-standby
	for waited := false; !b.isNewest(ctx, a); waited = true {
		if !waited {
			klog.FromContext(ctx).Info("waiting until the watch shows the rules that the API server has", "rules", b.name)
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(rulesInterval):
		}
		b.refresh()
	}
	return true
}

// start takes in what the watch shows. It fails where that can't be read: which rules were in force before this process
// led is not known.
func (b *rulebook) start(ctx context.Context) error {
	b.refresh()
	b.announce(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rules == nil {
		return &UnreadableRulesError{b.unreadable}
	}
	return nil
}

// run announces changes until ctx is done.
func (b *rulebook) run(ctx context.Context) {
	for {
		select {
		case <-b.changed:
			b.announce(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// announce logs which rules are in force, and records an event where there are others that can't be read.
func (b *rulebook) announce(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := b.describe()
	if text == b.announced {
		return
	}
	b.announced = text
	if b.unreadable == nil {
		klog.FromContext(ctx).Info("rules in force", "rules", text)
		return
	}
	klog.FromContext(ctx).Error(b.unreadable, "unreadable rules", "rules", text)
	if b.newest != nil {
		key := warningKey{subject: informers.Key{Kind: annotations.ConfigMap, NamespacedName: b.name}}
		b.recorder.Warning(ctx, key.eventSubject(b.newest.UID), reasonRulesUnreadable,
			b.unreadable.Error()+"; in force: "+b.origin())
	}
}

// current returns the rules in force.
func (b *rulebook) current() *rules.Rules {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rules
}

// readable reports whether the newest document is in force.
func (b *rulebook) readable() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.unreadable == nil
}

// describe says which rules are in force, and whether there are newer ones that can't be read. It is called with mu
// held.
func (b *rulebook) describe() string {
	if b.unreadable == nil {
		return b.origin()
	}
	return fmt.Sprintf("%s; resourceVersion %s is unreadable", b.origin(), b.newest.Version)
}

// origin says where the rules in force are from. It is called with mu held.
func (b *rulebook) origin() string {
	switch {
	case b.rules == nil:
		return "none"
	case b.document == nil:
		return "built-in"
	}
	return fmt.Sprintf("ConfigMap %s, resourceVersion %s", b.name, b.document.Version)
}

// Rules says which rules are in force.
func (c *Controller) Rules() string {
	c.rulebook.mu.Lock()
	defer c.rulebook.mu.Unlock()
	return c.rulebook.describe()
}

// CheckRules reads the rules from the API server, and returns an [UnreadableRulesError] where they can't be read.
func (c *Controller) CheckRules(ctx context.Context) error {
	b := c.rulebook
	cm, err := c.observer.api.configMap(ctx, b.name)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return &UnreadableRulesError{fmt.Errorf("the rules in the ConfigMap %s cannot be read: %w; check the API server, "+
			"and apply the Role in deploy/kustomize/base", b.name, err)}
	}
	d, err := informers.NewRulesDocument(cm)
	if err == nil {
		_, err = b.read(d)
	}
	if err != nil {
		return &UnreadableRulesError{err}
	}
	return nil
}
