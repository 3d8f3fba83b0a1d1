package informers

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/pager"
)

// List fills the stores once, for those who look at the cluster at one moment and do not watch it. Lists come in
// chunks, and each object is made lean at once, so that memory does not grow with the content. Run must not be called.
func (c *Cluster) List(ctx context.Context) error {
	for _, s := range c.stores() {
		if err := s.list(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *store[T]) list(ctx context.Context) error {
	var items []any
	var version Version
	lister := cache.ToListerWatcherWithContext(s.source)
	chunks := pager.New(lister.ListWithContext)
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
		return fmt.Errorf("list %s: %w", s.name, err)
	}
	if err := s.informer.GetIndexer().Replace(items, version.String()); err != nil {
		return fmt.Errorf("list %s: %w", s.name, err)
	}
	for _, t := range typed[T](items) {
		s.handle(nameOf(t), none[T](), t)
	}
	s.listed.Store(true)
	return nil
}
