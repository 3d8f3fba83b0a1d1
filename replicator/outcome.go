package replicator

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// outcome is what came of a plan.
type outcome struct {
	result
	// wrote counts the successful writes by verb.
	wrote map[plan.Verb]int
	// braking counts the removals that count for the brake.
	braking int
	// remaining is what has to be looked at again, since something was not carried out.
	remaining informers.Scope
}

func (o *outcome) total() (n int) {
	for _, times := range o.wrote {
		n += times
	}
	return n
}

// retry notes that an action was not carried out.
func (o *outcome) retry(object informers.Key, r result) {
	o.remaining.Add(scopeOf(object))
	o.merge(r)
}

// recordResult takes in what came of one action.
func (x *executors) recordResult(ctx context.Context, p *pass, a *plan.Action, err error, o *outcome) {
	object := a.Object(p.key.Kind)
	switch {
	case errors.Is(err, errNotTried):
		o.retry(object, result{requeue: requeueNow})
		return
	case errors.Is(err, errOverloaded):
		o.retry(object, done) // those that were tried say when
		return
	}
	answer := classify(ctx, err)
	x.metrics.acted(a.Verb, answer)
	switch answer {
	case succeeded:
		o.wrote[a.Verb]++
		if p.world.Brake.Counts(a) {
			o.braking++
		}
		p.written(a, object)
	case stale:
		o.retry(object, result{requeue: requeueWithBackoff})
	case incompatible:
		p.state.setIncompatible(a, err)
		o.retry(object, result{requeue: requeueNow})
	case overloaded:
		after := result{requeue: requeueWithBackoff}
		if seconds, ok := apierrors.SuggestsClientDelay(err); ok && seconds > 0 {
			after = requeueAfter(time.Duration(seconds) * time.Second)
		}
		o.retry(object, after)
	case blocked, immutable:
		w := p.state.backoffs.failed(backoffKeyOf(object, a), reason(err), time.Now())
		klog.FromContext(ctx).Info("write rejected, retrying with backoff", "verb", a.Verb,
			"target", klog.KRef(a.Target.Namespace, a.Target.Name), "reason", w.reason,
			"retryAfter", time.Until(w.until).Round(time.Millisecond).String())
	case terminating, stopping:
	}
}

// written notes a successful write. Once all targets have been in sync, it is counted: if the same object needs another
// one soon, somebody undoes it.
func (p *pass) written(a *plan.Action, object informers.Key) {
	s, key, now := p.state, backoffKeyOf(object, a), time.Now()
	//mutant:backoff-of-every-verb
	if p.isSettled() {
		s.backoffs.succeeded(key, a.NamespaceUID, now)
	} else {
		delete(s.backoffs, key)
	}
	if !a.Removes() {
		delete(s.backoffs, backoffKey{object, true}) // what was made just now may be removed at once
	}
}

// isSettled reports whether nothing was left to do before this pass but what others have changed since. Without a
// source there is only one thing to do with each object.
func (p *pass) isSettled() bool {
	if p.resolution.Phase != plan.PhaseActive {
		return true
	}
	return p.state.syncedDigest == p.state.loaded.source.Push
}

// setIncompatible remembers what came of trying, for as long as neither the object nor the source changes.
func (s *state) setIncompatible(a *plan.Action, err error) {
	if s.incompatible == nil {
		s.incompatible = map[types.NamespacedName]plan.Incompatible{}
	}
	s.incompatible[a.Target] = plan.Incompatible{
		Version: a.Occupant.Candidate.Version, Reason: err.Error(), Contested: a.Contested,
	}
}
