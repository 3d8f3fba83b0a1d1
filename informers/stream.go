package informers

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// lean is a pointer to one of the lean structs.
type lean interface {
	comparable
	identity() *Identity
}

// stream is a Reflector and the store that it fills: kubelet feeds its pods the same way. It keeps no second copy, no
// queue of deltas and no goroutine a listener, and it can take in the answer to a write of ours before the watch
// delivers it.
type stream[T lean] struct {
	name string
	// mu is the cluster's: all stores and indexes change together.
	mu *sync.RWMutex
	// items by namespace and name.
	items map[types.NamespacedName]T
	// convert makes the lean form of an object from the API.
	convert func(obj any) (T, error)
	// keep makes of it what is stored; nil keeps it as it is.
	keep func(T) T
	// index is called with mu held for each change; old or new is the zero T on creation and deletion.
	index func(old, new T)
	// changed is called afterwards, without mu, to turn the change into keys.
	changed func(n types.NamespacedName, old, new T)
	synced  bool
	// seen is the version up to which the watch has told of everything, and broken says that the next list may be of
	// another history: etcd may have been restored from a backup.
	seen   Version
	broken bool

	source   cache.ListerWatcher
	expected runtime.Object
}

var _ cache.TransformingStore = (*stream[*Candidate])(nil)

func (s *stream[T]) run(ctx context.Context) {
	logger := klog.FromContext(ctx)
	source := newHistoryChecker(s.source, s.breakHistory)
	cache.NewReflectorWithOptions(source, s.expected, s, cache.ReflectorOptions{Name: s.name, Logger: &logger}).
		RunWithContext(ctx)
}

func (s *stream[T]) hasSynced() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.synced
}

// Transformer lets the Reflector keep lean structs, too, while it collects the initial list. It may be given its own
// output.
func (s *stream[T]) Transformer() cache.TransformFunc {
	return func(obj any) (any, error) { return s.lean(obj) }
}

func (s *stream[T]) lean(obj any) (T, error) {
	if t, ok := obj.(T); ok {
		return t, nil
	}
	t, err := s.convert(obj)
	if err != nil {
		return t, fmt.Errorf("%s: %w", s.name, err)
	}
	return t, nil
}

// Add is called by the Reflector.
func (s *stream[T]) Add(obj any) error { return s.Update(obj) }

// Update is called by the Reflector.
func (s *stream[T]) Update(obj any) error {
	t, err := s.lean(obj)
	if err != nil {
		return err
	}
	s.put(t)
	return nil
}

// put takes in what the watch tells, unless a newer version of the object is known already from the answer to a write.
func (s *stream[T]) put(t T) {
	s.mu.Lock()
	s.seen = max(s.seen, t.identity().Version)
	c := s.store(t)
	s.mu.Unlock()
	s.notify(c)
}

// observe takes in an object as the answer to a write gave it, unless the watch is as far: where it has told of the
// object's deletion already, nothing would ever remove the object again.
func (s *stream[T]) observe(t T) {
	var c []change[T]
	s.mu.Lock()
	if t.identity().Version > s.seen {
		c = s.store(t)
	}
	s.mu.Unlock()
	s.notify(c)
}

// change is a change of one object. Old is the zero T on creation, and new on deletion.
type change[T lean] struct {
	name     types.NamespacedName
	old, new T
}

// store keeps an object, unless what is known of it is newer, and returns the change. The caller holds mu.
func (s *stream[T]) store(t T) []change[T] {
	id := t.identity()
	old, had := s.items[id.NamespacedName]
	if had && old.identity().Version > id.Version {
		return nil
	}
	t = s.kept(t)
	s.items[id.NamespacedName] = t
	s.index(old, t)
	return []change[T]{{id.NamespacedName, old, t}}
}

// notify turns changes into keys. The caller does not hold mu.
func (s *stream[T]) notify(changes []change[T]) {
	for _, c := range changes {
		s.changed(c.name, c.old, c.new)
	}
}

func (s *stream[T]) kept(t T) T {
	if s.keep == nil {
		return t
	}
	return s.keep(t)
}

// Delete is called by the Reflector with the last state, whose resourceVersion is that of the deletion.
func (s *stream[T]) Delete(obj any) error {
	t, err := s.lean(obj)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.seen = max(s.seen, t.identity().Version)
	s.mu.Unlock()
	s.remove(*t.identity())
	return nil
}

// remove forgets the object unless what is known of it is newer than the deletion.
func (s *stream[T]) remove(id Identity) {
	var none T
	var c []change[T]
	s.mu.Lock()
	if old, had := s.items[id.NamespacedName]; had && old.identity().Version <= id.Version {
		delete(s.items, id.NamespacedName)
		s.index(old, none)
		c = []change[T]{{id.NamespacedName, old, none}}
	}
	s.mu.Unlock()
	s.notify(c)
}

// breakHistory has the next list replace everything.
func (s *stream[T]) breakHistory() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = true
}

// Replace is called by the Reflector with the whole list as of a resourceVersion.
func (s *stream[T]) Replace(list []any, resourceVersion string) error {
	version, err := ParseVersion(resourceVersion)
	if err != nil {
		return fmt.Errorf("%s: list: %w", s.name, err)
	}
	items := make(map[types.NamespacedName]T, len(list))
	for _, obj := range list {
		t, err := s.lean(obj)
		if err != nil {
			return err
		}
		items[t.identity().NamespacedName] = t
	}
	s.mu.Lock()
	changes := s.replace(items, version)
	s.mu.Unlock()
	s.notify(changes)
	return nil
}

// replace makes the items of a list those of the store, and returns the changes. What the store has from the answer to
// a write stays where the list is older than that, unless versions have gone back. The caller holds mu.
func (s *stream[T]) replace(items map[types.NamespacedName]T, version Version) []change[T] {
	goesOn := !s.broken && version >= s.seen
	var changes []change[T]
	var none T
	for name, old := range s.items {
		was := old.identity().Version
		t, listed := items[name]
		switch {
		case goesOn && was > version, goesOn && listed && was == t.identity().Version:
			items[name] = old
		case listed:
			t = s.kept(t)
			items[name] = t
			if t != old {
				s.index(old, t)
				changes = append(changes, change[T]{name, old, t})
			}
		default:
			s.index(old, none)
			changes = append(changes, change[T]{name, old, none})
		}
	}
	for name, t := range items {
		if _, had := s.items[name]; !had {
			t = s.kept(t)
			items[name] = t
			s.index(none, t)
			changes = append(changes, change[T]{name, none, t})
		}
	}
	s.items, s.synced, s.seen, s.broken = items, true, version, false
	return changes
}

// Resync is part of the Reflector's contract and has nothing to do: nothing is written at rest.
func (s *stream[T]) Resync() error { return nil }
