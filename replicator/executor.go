package replicator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

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
	var overload atomic.Bool
	var wg sync.WaitGroup
	one := func(i int) error {
		release, err := e.limiter.acquire(ctx, e.urgent && i < minWrites)
		if err != nil {
			return err
		}
		defer release()
		switch {
		case e.stop(i):
			return errNotTried
		case overload.Load():
			return errOverloaded
		}
		// What has begun is finished when the process is asked to stop; each request has its own timeout.
		return e.execute(context.WithoutCancel(ctx), &actions[i])
	}
	for range min(e.limiter.limit(), len(actions)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(actions); i = int(next.Add(1)) - 1 {
				errs[i] = one(i)
				if isOverload(errs[i]) {
					overload.Store(true)
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
		if err := e.confirmNamespaces(ctx, a.Evidence); err != nil {
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
		if err := e.confirmNamespaces(ctx, a.Evidence); err != nil {
			return err
		}
		return e.attach(ctx, a)
	}
	return fmt.Errorf("unknown verb %q", a.Verb)
}

// confirmNamespaces returns nil if namespaces are, in the API server itself, as they were when a removal was decided
// on. To remove a replica can't be undone, and what the watch shows may be outdated.
func (e *executor) confirmNamespaces(ctx context.Context, all []*informers.Namespace) error {
	for _, seen := range all {
		m, err := e.api.namespace(ctx, seen.Name)
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
	}
	return nil
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
	return e.observe(m, want, err)
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
	return e.observe(m, want, err)
}
