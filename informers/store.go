package informers

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// sweepInterval is the time between two sweeps of the overlay while it has entries.
const sweepInterval = time.Second

// lean is a pointer to one of the lean structs.
type lean interface {
	cache.Object
	identity() *Identity
}

// store is a shared informer of lean structs, read through an overlay with the answers to our own writes.
type store[T lean] struct {
	storeOptions[T]
	*overlay[T]
	informer cache.TypedSharedIndexInformer[T]
	history  *historyChecker
	watcher  *restarter
	stream   *Stream
	// handler is nil until the process leads. It has synced when it has been called for all that the informer had.
	handler atomic.Pointer[cache.ResourceEventHandlerRegistration]
	// led is how far the store and the API server were when the process began to lead.
	led progress
	// listed says that list has filled the store, and the informer does not run.
	listed atomic.Bool
}

// storeOptions are what a store is made of.
type storeOptions[T lean] struct {
	name string
	// area is where it looks; empty for all namespaces.
	area     area
	source   cache.ListerWatcher
	expected runtime.Object
	// convert makes the lean form of an object from the API.
	convert  func(obj any) (T, error)
	indexers cache.TypedIndexers[T]
	// changed turns a change into keys; old or new is nil on creation and deletion.
	changed func(n types.NamespacedName, old, new T)
}

func newStore[T lean](o storeOptions[T]) *store[T] {
	s := &store[T]{storeOptions: o, history: newHistoryChecker(o.source)}
	s.stream = &Stream{name: s.title()}
	// The stream counts what the history checker refuses, since that shows the state of the API server, and not what the
	// restarter does, which is our own doing.
	s.watcher = &restarter{ListWatch: s.stream.observe(s.history)}
	s.informer = cache.NewTypedSharedIndexInformer[T](cache.NewSharedIndexInformerWithOptions(
		s.watcher, o.expected, cache.SharedIndexInformerOptions{
			Indexers: cache.TypedIndexersToIndexers(o.indexers), ObjectDescription: o.name,
		}))
	s.overlay = newOverlay[T](s.informer.GetIndexer())
	must(s.informer.SetTransform(func(obj any) (any, error) { return s.lean(obj) }))
	return s
}

// addHandler has the changes told of from now on, and what there is.
func (s *store[T]) addHandler() {
	handler, err := s.informer.AddTypedEventHandler(cache.TypedResourceEventHandlerDetailedFuncs[T]{
		AddFunc:    func(obj T, _ bool) { s.handle(nameOf(obj), none[T](), obj) },
		UpdateFunc: func(old, obj T) { s.handle(nameOf(obj), old, obj) },
		DeleteFunc: func(d cache.DeletedObject[T]) { s.handle(nameOf(d), d.OptionalObj, none[T]()) },
	})
	if err == nil { // else the informer has been stopped, and so has the process
		s.handler.Store(&handler)
	}
}

// lean passes on what is lean already: the Reflector transforms the objects of a streamed initial list twice.
func (s *store[T]) lean(obj any) (T, error) {
	if t, ok := obj.(T); ok {
		return t, nil
	}
	t, err := s.convert(obj)
	if err != nil {
		return t, fmt.Errorf("%s: %w", s.name, err)
	}
	return t, nil
}

// run runs the informer until ctx is done, once the gate is open.
func (s *store[T]) run(ctx context.Context) {
	if !s.area.gate.wait(ctx) {
		return
	}
	var sweeping sync.WaitGroup
	sweeping.Go(func() { s.sweepUntil(ctx) })
	defer sweeping.Wait()
	defer s.stream.start()()
	s.informer.RunWithContext(ctx)
}

func (s *store[T]) title() string {
	if s.area.namespace == "" {
		return s.name
	}
	return s.name + " in " + s.area.namespace
}

func (s *store[T]) observed() *Stream { return s.stream }

func (s *store[T]) where() area { return s.area }

// hasSynced reports whether the store has had its first list and, in a process that leads, the event handler has been
// called for all of it. The informer has synced earlier, before what is derived from the changes is known.
func (s *store[T]) hasSynced() bool {
	if s.listed.Load() {
		return true
	}
	if handler := s.handler.Load(); handler != nil {
		return (*handler).HasSynced()
	}
	return s.informer.HasSynced()
}

// handle is called by the informer after each change of its store. It must not block.
func (s *store[T]) handle(n types.NamespacedName, old, obj T) {
	if before, changed := s.delivered(n, old, obj); changed {
		s.changed(n, before, obj)
	}
}

// observe takes in an object as the answer to a write of ours gave it.
func (s *store[T]) observe(obj T) {
	if old, changed := s.written(obj); changed {
		s.changed(nameOf(obj), old, obj)
	}
}

// observeDeleted hides an object whose deletion the API server has confirmed.
func (s *store[T]) observeDeleted(id Identity) {
	if old, changed := s.deleted(id); changed {
		s.changed(id.NamespacedName, old, none[T]())
	}
}

// sweepUntil sweeps the overlay as long as it has entries, until ctx is done. After a list in place of a watch no event
// tells of an object that was created and deleted in between.
func (s *store[T]) sweepUntil(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.filled:
		}
		for !s.empty() {
			select {
			case <-ctx.Done():
				return
			case <-time.After(sweepInterval):
			}
			s.sweepOnce()
		}
	}
}

func (s *store[T]) sweepOnce() {
	for n, old := range s.sweep(time.Now()) {
		if obj := s.get(n); obj != old {
			s.changed(n, old, obj)
		}
	}
}

func none[T any]() (zero T) { return zero }

// keyOf is the key of an object in client-go's stores.
func keyOf(n types.NamespacedName) string { return cache.NewObjectName(n.Namespace, n.Name).String() }

// nameOf is the name of an object, or of a deleted one.
func nameOf(obj interface {
	GetName() string
	GetNamespace() string
}) types.NamespacedName {
	return types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}
}

// must is for errors that only a mistake in this package can cause, such as the name of an index.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
