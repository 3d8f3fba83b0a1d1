package informers

import (
	"context"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// gate keeps the informers of one namespace from starting before the namespace was found: until then there is no Role
// in it, and each of their requests would be denied. The nil gate is open.
type gate struct {
	once   sync.Once
	opened chan struct{}
}

func newGate() *gate { return &gate{opened: make(chan struct{})} }

func (g *gate) open() { g.once.Do(func() { close(g.opened) }) }

func (g *gate) isOpen() bool {
	if g == nil {
		return true
	}
	select {
	case <-g.opened:
		return true
	default:
		return false
	}
}

// wait returns true when the gate is open, and false when ctx ends before.
func (g *gate) wait(ctx context.Context) bool {
	if g == nil {
		return true
	}
	select {
	case <-g.opened:
		return true
	case <-ctx.Done():
		return false
	}
}

// newAreas returns where to look, with a gate for each namespace. Without names that is everywhere.
func (c *Cluster) newAreas(namespaces []string) []area {
	if len(namespaces) == 0 {
		return []area{{}}
	}
	c.gates = map[string]*gate{}
	var areas []area
	for _, namespace := range namespaces {
		g := newGate()
		c.gates[namespace] = g
		areas = append(areas, area{namespace: namespace, gate: g})
	}
	return areas
}

// namespaceFound starts the informers of a namespace, and reports whether all have had their first whole list.
func (c *Cluster) namespaceFound(namespace string) (known bool) {
	c.gates[namespace].open()
	for _, s := range c.stores() {
		if s.where().namespace == namespace && !s.hasSynced() {
			return false
		}
	}
	return true
}

// namespaceListerWatcher is about all namespaces or, where they are named, about these.
func (c *Cluster) namespaceListerWatcher(o Options) cache.ListerWatcher {
	if c.gates == nil {
		return metadataListerWatcher(o.Metadata, "namespaces", "", "")
	}
	client := o.Metadata.Resource(corev1.SchemeGroupVersion.WithResource("namespaces"))
	return &namespacePoller{
		names: slices.Sorted(maps.Keys(c.gates)), found: c.namespaceFound, acting: c.synced.Load,
		get: func(ctx context.Context, name string) (*metav1.PartialObjectMetadata, error) {
			return client.Get(ctx, name, metav1.GetOptions{})
		},
	}
}

// IsOutOfReach reports whether nothing can be known of what is in a namespace: it is none of Options.Namespaces, or is
// not there.
func (c *Cluster) IsOutOfReach(namespace string) bool {
	return c.gates != nil && c.namespace(namespace) == nil
}

// isAbsent reports whether a store looks at a namespace that is not there: it has not been found, or has gone.
func (c *Cluster) isAbsent(at area) bool { return at.namespace != "" && c.IsOutOfReach(at.namespace) }
