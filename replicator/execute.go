package replicator

import (
	"context"
	"errors"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

const (
	// maxWrites is how many actions a pass carries out at the most; then the plan is made again.
	maxWrites = 1024
	// minWrites is how many it carries out in any case, unless the source itself has changed: so that each source makes
	// progress however many urgent changes there are.
	minWrites = 8
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

// executors carry out the plans of all sources.
type executors struct {
	writers
	contents *contents
	pending  *pending
	queue    *queue
	metrics  *metrics
}

// execute carries out as many actions of the plan as fit into a pass, removals first.
func (x *executors) execute(ctx context.Context, p *pass) outcome {
	o := outcome{wrote: map[plan.Verb]int{}}
	ready := p.ready(&o)
	if len(ready) == 0 {
		return o
	}
	e, err := x.executor(ctx, p, ready)
	if err != nil || e == nil {
		for i := range ready {
			o.retry(ready[i].Object(p.key.Kind), result{requeue: requeueWithBackoff})
		}
		return o
	}
	removals, others := splitRemovals(ready)
	for _, batch := range [][]plan.Action{removals, others} {
		for i, err := range e.executeAll(ctx, batch) {
			x.recordResult(ctx, p, &batch[i], err, &o)
		}
	}
	return o
}

// ready returns the actions that need not wait, as many as fit into a pass.
func (p *pass) ready(o *outcome) []plan.Action {
	now, actions := time.Now(), p.decision.Actions
	ready := make([]plan.Action, 0, min(len(actions), maxWrites))
	for i := range actions {
		object := actions[i].Object(p.key.Kind)
		switch {
		case p.state.backoffs.remaining(backoffKeyOf(object, &actions[i]), now) > 0: // looked at again when that is over
		case len(ready) == maxWrites:
			o.retry(object, result{requeue: requeueNow})
		default:
			ready = append(ready, actions[i])
		}
	}
	return ready
}

func splitRemovals(actions []plan.Action) (removals, others []plan.Action) {
	i := slices.IndexFunc(actions, func(a plan.Action) bool { return !a.Removes() })
	if i < 0 {
		i = len(actions)
	}
	return actions[:i], actions[i:]
}

// executor returns one that has what the actions need. The source's content is read again where it is not at hand, and
// may be newer then. It is nil where the source's policy has changed meanwhile: the decision is outdated then.
func (x *executors) executor(ctx context.Context, p *pass, actions []plan.Action) (*executor, error) {
	e := &executor{
		writers: &x.writers, key: p.key, source: &p.world.Source, now: time.Now(), urgent: p.urgent,
		stop: func(n int) bool { return x.endsBefore(p.key, n) },
	}
	if !slices.ContainsFunc(actions, func(a plan.Action) bool { return needsContent(&a) }) {
		return e, nil
	}
	l := p.state.loaded
	content := x.contents.get(p.key, l.uid, l.version)
	if content == nil {
		x.metrics.read()
		object, read, err := x.api.source(ctx, p.key)
		if err != nil {
			return nil, err
		}
		//mutant:policy-and-content
		if !l.isSource(object) {
			return nil, nil
		}
		content = &read
		if object.GetResourceVersion() == l.version.String() {
			x.contents.put(p.key, l.uid, l.version, read)
		}
	}
	var err error
	e.content = *content
	e.desired, err = desiredOf(p.key, l.policy, *content)
	return e, err
}

func needsContent(a *plan.Action) bool { return !a.Removes() && a.Verb != plan.Attach }

// endsBefore reports whether a pass over a source ends before its n-th action: at once where the source itself has
// changed, since the decision is outdated; and after a few where something urgent waits.
func (x *executors) endsBefore(key informers.Key, n int) bool {
	urgent, outdated := x.pending.peek(key)
	if n < minWrites {
		return outdated
	}
	return outdated || urgent || x.queue.UrgentWaiting()
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
