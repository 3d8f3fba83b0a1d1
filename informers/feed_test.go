package informers

import "k8s.io/client-go/tools/cache"

// Add, Update, Delete and Replace feed a store by hand, as its informer would: first the store, then the event handler.

func (s *store[T]) indexer() cache.Indexer { return s.informer.GetIndexer() }

func (s *store[T]) Add(obj any) error { return s.Update(obj) }

func (s *store[T]) Update(obj any) error {
	t, err := s.lean(obj)
	if err != nil {
		return err
	}
	old := s.item(nameOf(t))
	if err := s.indexer().Update(t); err != nil {
		return err
	}
	s.handle(nameOf(t), old, t)
	return nil
}

func (s *store[T]) Delete(obj any) error {
	t, err := s.lean(obj)
	if err != nil {
		return err
	}
	last := s.item(nameOf(t))
	if last == none[T]() {
		last = t
	}
	if err := s.indexer().Delete(t); err != nil {
		return err
	}
	s.handle(nameOf(t), last, none[T]()) // the API server tells of the last state
	return nil
}

func (s *store[T]) Replace(list []any, version string) error {
	items := make([]any, len(list))
	for i, obj := range list {
		t, err := s.lean(obj)
		if err != nil {
			return err
		}
		items[i] = t
	}
	before := typed[T](s.indexer().List())
	if err := s.indexer().Replace(items, version); err != nil {
		return err
	}
	olds := map[string]T{}
	for _, old := range before {
		n := nameOf(old)
		if olds[keyOf(n)] = old; s.item(n) == none[T]() {
			s.handle(n, old, none[T]())
		}
	}
	for _, t := range typed[T](items) {
		old := olds[keyOf(nameOf(t))]
		if old == none[T]() || old.identity().Version != t.identity().Version { // as client-go does
			s.handle(nameOf(t), old, t)
		}
	}
	s.listed.Store(true)
	return nil
}
