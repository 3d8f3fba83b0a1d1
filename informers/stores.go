package informers

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// stores are the informers of one kind of objects: one for all namespaces, or one for each of those that
// Options.Namespaces names. It answers as one store. Nothing is ever seen in a namespace that has none.
type stores[T lean] struct {
	everywhere *store[T]
	of         map[string]*store[T]
}

// area is where a store looks: one namespace or, where its name is empty, all of them.
type area struct {
	namespace string
	gate      *gate
}

// newStores makes a store for each area.
func newStores[T lean](areas []area, options func(namespace string) storeOptions[T]) stores[T] {
	x := stores[T]{of: map[string]*store[T]{}}
	for _, at := range areas {
		o := options(at.namespace)
		o.area = at
		if at.namespace == "" {
			x.everywhere = newStore(o)
		} else {
			x.of[at.namespace] = newStore(o)
		}
	}
	return x
}

// in returns the store that has the objects of a namespace, or nil.
func (x *stores[T]) in(namespace string) *store[T] {
	if x.everywhere != nil {
		return x.everywhere
	}
	return x.of[namespace]
}

// runners returns the stores, in the order of their namespaces.
func runners[T lean](x *stores[T]) []runner {
	if x.everywhere != nil {
		return []runner{x.everywhere}
	}
	var all []runner
	for _, namespace := range slices.Sorted(maps.Keys(x.of)) {
		all = append(all, x.of[namespace])
	}
	return all
}

func (x *stores[T]) get(n types.NamespacedName) T {
	if s := x.in(n.Namespace); s != nil {
		return s.get(n)
	}
	return none[T]()
}

// item returns the object as the informer has it, without the answers to our own writes.
func (x *stores[T]) item(n types.NamespacedName) T {
	if s := x.in(n.Namespace); s != nil {
		return s.item(n)
	}
	return none[T]()
}

func (x *stores[T]) all() []T {
	if x.everywhere != nil {
		return x.everywhere.all()
	}
	var all []T
	for _, s := range x.of {
		all = append(all, s.all()...)
	}
	return all
}

func (x *stores[T]) find(index, value string) []T {
	if x.everywhere != nil {
		return x.everywhere.find(index, value)
	}
	var all []T
	for _, s := range x.of {
		all = append(all, s.find(index, value)...)
	}
	return all
}

func (x *stores[T]) has(index, value string) bool {
	if x.everywhere != nil {
		return x.everywhere.has(index, value)
	}
	for _, s := range x.of {
		if s.has(index, value) {
			return true
		}
	}
	return false
}

func (x *stores[T]) observe(obj T) {
	if s := x.in(obj.identity().Namespace); s != nil {
		s.observe(obj)
	}
}

func (x *stores[T]) observeDeleted(id Identity) {
	if s := x.in(id.Namespace); s != nil {
		s.observeDeleted(id)
	}
}
