package replicator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// This file asks the API server itself before a removal: that can't be undone, and what the watches show may be
// outdated. Where the watches show no source, observe has asked already. Where they show one in a namespace in which no
// source may be, nobody asks: that is a flag of this process.

// confirm reports whether the plan may be executed: what the removals of an active source's replicas rest on has to be
// as it was when they were decided on.
func (c *Controller) confirm(ctx context.Context, p *pass) bool {
	if p.resolution.Phase != plan.PhaseActive {
		return true
	}
	deletes := func(a plan.Action) bool { return a.Verb == plan.Delete }
	if slices.ContainsFunc(p.decision.Actions, deletes) {
		if current, err := c.observer.api.isCurrent(ctx, p.key, p.state.loaded); err != nil || !current {
			return false
		}
	}
	byRules := func(a plan.Action) bool { return a.ByRules }
	return !slices.ContainsFunc(p.decision.Actions, byRules) || c.confirmRules(ctx, p)
}

// confirmRules reports whether the rules are those that were decided by, and the source's namespace, on whose labels
// they may depend, is the same. The labels of the target's are confirmed with each removal.
func (c *Controller) confirmRules(ctx context.Context, p *pass) bool {
	//mutant:live-rules
	if c.rulebook.current() != p.world.Rules || !c.rulebook.isNewest(ctx, c.observer.api) {
		return false
	}
	return c.observer.api.confirmNamespace(ctx, p.world.Homes[p.key.Namespace]) == nil
}

// isCurrent reports whether the source says, in the API server itself, what it said when it was read.
func (a *api) isCurrent(ctx context.Context, key informers.Key, l *loaded) (bool, error) {
	object, err := a.metadata(ctx, key)
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("cannot confirm what the source says: %s", reason(err))
	}
	return l.isSource(object), nil
}

// isNewest reports whether the document that the watch shows, in force or not, is the one that is there.
func (b *rulebook) isNewest(ctx context.Context, a *api) bool {
	b.mu.Lock()
	seen := b.newest
	b.mu.Unlock()
	cm, err := a.configMap(ctx, b.name)
	if apierrors.IsNotFound(err) {
		return seen == nil
	}
	if err != nil || seen == nil {
		return false
	}
	live, err := informers.NewRulesDocument(cm)
	return err == nil && live.Text == seen.Text && live.Present == seen.Present
}

// confirmNamespace returns nil if a namespace is as it was when a removal was decided on, or if there is none to
// confirm.
func (a *api) confirmNamespace(ctx context.Context, seen *informers.Namespace) error {
	if seen == nil {
		return nil
	}
	m, err := a.namespace(ctx, seen.Name)
	if err != nil {
		return err
	}
	live, err := informers.NewNamespace(m)
	if err != nil {
		return err
	}
	//mutant:live-namespace
	if live.UID != seen.UID || !live.Same(seen) {
		return apierrors.NewConflict(corev1.Resource("namespaces"), seen.Name, errors.New("the watch is behind"))
	}
	return nil
}
