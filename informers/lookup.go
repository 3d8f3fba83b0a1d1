package informers

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// This file has the look-ups in an overlay.

// get returns the object, or nil.
func (o *overlay[T]) get(n types.NamespacedName) T {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.view(n)
}

// all returns every object, in no order.
func (o *overlay[T]) all() []T {
	o.mu.RLock()
	defer o.mu.RUnlock()
	items := typed[T](o.store.List())
	if len(o.entries) == 0 {
		return items
	}
	return o.merge(items, typed[T](o.shown.List()), func(T) bool { return true })
}

// find returns the objects that an index has under a value, in no order.
func (o *overlay[T]) find(index, value string) []T {
	o.mu.RLock()
	defer o.mu.RUnlock()
	list, err := o.store.ByIndex(index, value)
	must(err)
	items := typed[T](list)
	if len(o.entries) == 0 {
		return items
	}
	list, err = o.shown.ByIndex(index, value)
	must(err)
	return o.merge(items, typed[T](list), func(obj T) bool { return o.isIndexed(obj, index, value) })
}

// isIndexed reports whether an index has an object under a value.
func (o *overlay[T]) isIndexed(obj T, index, value string) bool {
	values, err := o.store.GetIndexers()[index](obj)
	must(err)
	return slices.Contains(values, value)
}

// merge returns the items, seen through the entries, and what the entries add to them. An object for which there is an
// entry is read again, and stays if it is wanted.
func (o *overlay[T]) merge(items, shown []T, wanted func(T) bool) []T {
	out := make([]T, 0, len(items)+len(shown))
	seen := map[types.NamespacedName]bool{}
	add := func(n types.NamespacedName) {
		if seen[n] {
			return
		}
		seen[n] = true
		if obj := o.view(n); obj != none[T]() && wanted(obj) {
			out = append(out, obj)
		}
	}
	for _, item := range items {
		if _, overlaid := o.entries[nameOf(item)]; overlaid {
			add(nameOf(item))
		} else {
			out = append(out, item)
		}
	}
	for _, obj := range shown {
		add(nameOf(obj))
	}
	return out
}

// witnesses are objects that an index had under a value when somebody asked.
type witnesses struct {
	mu    sync.Mutex
	names map[place]types.NamespacedName
}

type place struct{ index, value string }

// has reports whether an index has anything under a value. client-go's stores can't tell without a copy of all that
// there is, so an object that was found is looked at first the next time.
func (o *overlay[T]) has(index, value string) bool {
	at := place{index, value}
	if n, ok := o.witnesses.get(at); ok {
		if obj := o.get(n); obj != none[T]() && o.isIndexed(obj, index, value) {
			return true
		}
	}
	list := o.find(index, value)
	if len(list) == 0 {
		o.witnesses.remove(at)
		return false
	}
	o.witnesses.set(at, nameOf(list[0]))
	return true
}

func (w *witnesses) get(at place) (types.NamespacedName, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, ok := w.names[at]
	return n, ok
}

func (w *witnesses) set(at place, n types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.names == nil {
		w.names = map[place]types.NamespacedName{}
	}
	w.names[at] = n
}

func (w *witnesses) remove(at place) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.names, at)
}

func typed[T any](list []any) []T {
	out := make([]T, len(list))
	for i, obj := range list {
		out[i], _ = obj.(T)
	}
	return out
}
