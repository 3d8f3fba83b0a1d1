package replicator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
	most := maxWrites
	if p.extra {
		most = minWrites
	}
	ready := make([]plan.Action, 0, min(len(actions), most))
	for i := range actions {
		object := actions[i].Object(p.key.Kind)
		switch {
		case actions[i].Removes() && !p.confirmed:
			o.retry(object, requeueAfter(unconfirmedPause))
		case p.state.backoffs.remaining(backoffKeyOf(object, &actions[i]), now) > 0: // looked at again when that is over
		case len(ready) == most:
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

// executor carries out the actions of a plan for one source.
type executor struct {
	*writers
	key    informers.Key
	source *plan.Source
	// content is the source's, desired what its replicas have to hold; both are empty where no action needs them.
	content informers.Content
	desired
	now time.Time
	// urgent lets the writes use what is reserved for urgent passes, and stop reports before the n-th action of a pass
	// whether the pass has to end.
	urgent bool
	stop   func(n int) bool
}

// writers are what all executors share.
type writers struct {
	api       *api
	cluster   *informers.Cluster
	digestKey informers.DigestKey
	limiter   *writeLimiter
}

// The results of actions that a pass did not come to: because it had to end, or because the API server has no time for
// them.
var (
	errNotTried   = errors.New("not tried")
	errOverloaded = errors.New("not tried: the API server is overloaded or can't be reached")
)

// executeAll carries out the actions, as many at a time as the process may have writes under way, and returns their
// errors in the same order. Every one is tried whatever comes of the others, unless the pass has to end or the API
// server is overloaded. A goroutine carries out many, one after the other: its stack grows once to what a request
// needs.
func (e *executor) executeAll(ctx context.Context, actions []plan.Action) []error {
	errs := make([]error, len(actions))
	var next atomic.Int64
	var wg sync.WaitGroup
	// When the pass ends, those that wait for their turn do so no longer: the first few if it ends at once, else the rest.
	first, endAll := context.WithCancelCause(ctx)
	defer endAll(nil)
	rest, endRest := context.WithCancelCause(first)
	defer endRest(nil)
	one := func(i int) error {
		ctx, end := first, endAll
		if i >= minWrites {
			ctx, end = rest, endRest
		}
		release, err := e.limiter.acquire(ctx, e.urgent && i < minWrites)
		if err != nil {
			return context.Cause(ctx)
		}
		defer release()
		if e.stop(i) {
			end(errNotTried)
			return errNotTried
		}
		// What has begun is finished when the process is asked to stop; each request has its own timeout.
		return e.execute(context.WithoutCancel(ctx), &actions[i])
	}
	for range min(e.limiter.limit(), len(actions)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(actions); i = int(next.Add(1)) - 1 {
				errs[i] = one(i)
				if isOverload(errs[i]) {
					endAll(errOverloaded)
				}
			}
		})
	}
	wg.Wait()
	return errs
}

// execute carries out one action.
func (e *executor) execute(ctx context.Context, a *plan.Action) error {
	switch a.Verb {
	case plan.Delete:
		if err := e.api.confirmNamespace(ctx, a.Evidence); err != nil {
			return err
		}
		return e.delete(ctx, a.Occupant.Marked())
	case plan.Create:
		return e.create(ctx, a)
	case plan.Recreate:
		return e.recreate(ctx, a)
	case plan.Update:
		err := e.update(ctx, a)
		if classify(ctx, err) == immutable {
			return e.recreate(ctx, a)
		}
		return err
	case plan.Adopt:
		return e.adopt(ctx, a)
	case plan.Fill:
		return e.fill(ctx, a)
	case plan.Attach, plan.Detach:
		if err := e.api.confirmNamespace(ctx, a.Evidence); err != nil {
			return err
		}
		return e.attach(ctx, a)
	}
	return fmt.Errorf("unknown verb %q", a.Verb)
}

func (e *executor) resource() string { return informers.Resource(e.key.Kind) }

func (e *executor) delete(ctx context.Context, r *informers.Replica) error {
	err := e.api.delete(ctx, e.resource(), r.Identity)
	if err == nil {
		e.cluster.ObserveDeleted(e.key.Kind, r)
	}
	return err
}

// pushed is what the replica of an action has to hold.
func (e *executor) pushed(a *plan.Action) informers.Content {
	if a.Plain {
		return e.plain
	}
	return e.push
}

func (e *executor) create(ctx context.Context, a *plan.Action) error {
	want := e.pushed(a)
	m, err := e.api.create(ctx, e.resource(), a.Target.Namespace, object(e.key.Kind, a.Target, want, e.now))
	return e.cacheReplica(m, want, err)
}

// recreate is for what can't be changed in place. Between the two requests there is no replica, for as short as can be:
// what could not be created again is not deleted, and no other source gets the place meanwhile.
func (e *executor) recreate(ctx context.Context, a *plan.Action) error {
	replica := object(e.key.Kind, a.Target, e.pushed(a), e.now)
	if err := e.api.dryRunCreate(ctx, e.resource(), a.Target.Namespace, replica); err != nil {
		return err
	}
	at := informers.Key{Kind: e.key.Kind, NamespacedName: a.Target}
	defer e.cluster.Hold(at, e.key.NamespacedName)()
	if err := e.delete(ctx, a.Occupant.Marked()); err != nil {
		return err
	}
	return e.create(ctx, a)
}

func (e *executor) update(ctx context.Context, a *plan.Action) error {
	want := e.pushed(a)
	m, err := e.api.patch(ctx, e.resource(), a.Target, updatePatch(e.key.Kind, a.Occupant.Marked(), want, e.now))
	return e.cacheReplica(m, want, err)
}

// cacheReplica takes a write's answer into the caches, so that nothing is written twice.
func (e *executor) cacheReplica(m *metav1.PartialObjectMetadata, content informers.Content, err error) error {
	if err != nil {
		return err
	}
	content.Labels, content.Annotations = m.Labels, m.Annotations
	r, err := e.digestKey.Replica(m, content)
	if err != nil {
		return err
	}
	e.cluster.Observe(e.key.Kind, r)
	return nil
}
