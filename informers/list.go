package informers

import (
	"context"
	"errors"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/pager"
)

// ListError says what List could not list. What it was asked for is empty in the view.
type ListError struct {
	// Name is that of the list, such as "secrets" or "secrets/replicas". Namespace is where it is of; empty is everywhere.
	Name, Namespace string
	err             error
}

// Error implements error.
func (e *ListError) Error() string {
	if e.Namespace != "" {
		return fmt.Sprintf("list %s in %s: %v", e.Name, e.Namespace, e.err)
	}
	return fmt.Sprintf("list %s: %v", e.Name, e.err)
}

// Unwrap returns what went wrong.
func (e *ListError) Unwrap() error { return e.err }

// List fills the stores once, for those who look at the cluster at one moment and do not watch it. Lists come in
// chunks, and each object is made lean at once, so that memory does not grow with the content. Every list is tried;
// what failed is returned as joined [ListError]s. Run must not be called.
func (c *Cluster) List(ctx context.Context) error {
	stores := c.stores()
	errs := make([]error, len(stores))
	errs[0] = stores[0].list(ctx) // the namespaces: those that are found open the gates of the others
	var wg sync.WaitGroup
	for i, s := range stores[1:] {
		if s.where().gate.isOpen() {
			wg.Go(func() { errs[i+1] = s.list(ctx) })
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// listPages is how many chunks of a list are fetched ahead of the one that is taken in.
const listPages = 1

func (s *store[T]) list(ctx context.Context) error {
	if err := s.fill(ctx); err != nil {
		return &ListError{Name: s.name, Namespace: s.area.namespace, err: err}
	}
	return nil
}

func (s *store[T]) fill(ctx context.Context) error {
	var items []any
	var version Version
	lister := cache.ToListerWatcherWithContext(s.source)
	chunks := pager.New(lister.ListWithContext)
	chunks.PageBufferSize = listPages
	err := chunks.EachListItem(ctx, metav1.ListOptions{}, func(obj runtime.Object) error {
		t, err := s.lean(obj)
		if err != nil {
			return err
		}
		version = max(version, t.identity().Version)
		items = append(items, t)
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.informer.GetIndexer().Replace(items, version.String()); err != nil {
		return err
	}
	for _, t := range typed[T](items) {
		s.handle(nameOf(t), none[T](), t)
	}
	s.listed.Store(true)
	return nil
}
