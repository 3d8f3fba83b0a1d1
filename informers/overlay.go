package informers

import (
	"reflect"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// overlay reads an informer's store together with the answers to our own writes that the informer does not have yet:
//
//	written, until the store is as far          the object as written
//	written, and the store is as far            the store's object, or none: it has been deleted since
//	deleted, until the store has its deletion   none
//	the store has a newer state of the object   the store's object
//	the store went back, or the entry is old    the store's object
//
// "As far" is what LastStoreSyncResourceVersion says: resourceVersions of one resource can be compared, and at that
// version the store is complete. It goes back when etcd was restored from a backup: the entries from before then are of
// a history that never happened.
//
// client-go's NewIntegerResourceVersionMutationCache is not used. It does not know of our deletions. It evicts by size,
// so that an entry may go too early. And for as long as an entry lives it cannot tell an object that the store does not
// have yet from one that is gone from the list in place of a watch.
type overlay[T lean] struct {
	store cache.Indexer
	// mu is held while the store is read, so that no entry is dropped between a look at the entries and one at the store.
	mu      sync.RWMutex
	entries map[types.NamespacedName]entry[T]
	// shown has the objects of the entries, under the indexes of the store.
	shown cache.Indexer
	// filled has a token when entries may have been added.
	filled    chan struct{}
	witnesses witnesses
}

// maxAge is how long an entry is believed without a word from the watch. An answer from before a restore of etcd may
// come in after it, with a version that is far ahead of the store's.
const maxAge = time.Minute

// entry is what the answer to a write of ours says of one object.
type entry[T lean] struct {
	// obj is the object as written; nil if we deleted it.
	obj T
	// version is that of obj, or of the last state of what we deleted.
	version Version
	// complete is how far the store was when the answer came, and since the time of that.
	complete Version
	since    time.Time
}

func newOverlay[T lean](store cache.Indexer) *overlay[T] {
	return &overlay[T]{
		store: store, entries: map[types.NamespacedName]entry[T]{}, filled: make(chan struct{}, 1),
		shown: cache.NewIndexer(cache.MetaNamespaceKeyFunc, store.GetIndexers()),
	}
}

// view returns what is visible under a name. It is called with mu held.
func (o *overlay[T]) view(n types.NamespacedName) T {
	e, overlaid := o.entries[n]
	if !overlaid {
		return o.item(n)
	}
	// The version is read before the item: the item is at least as new.
	complete := o.complete()
	item := o.item(n)
	if e.overtaken(complete, item) {
		return item
	}
	return e.obj
}

// item returns the store's object.
func (o *overlay[T]) item(n types.NamespacedName) T {
	obj, _, err := o.store.GetByKey(keyOf(n))
	must(err)
	item, _ := obj.(T)
	return item
}

// complete is the version up to which the store has everything; 0 before the first list.
func (o *overlay[T]) complete() Version {
	v, _ := ParseVersion(o.store.LastStoreSyncResourceVersion())
	return v
}

// overtaken reports whether what the store has is newer than the entry. Of what we deleted, the store must have been
// told more than the last state, since that may come late, and then the deletion.
func (e *entry[T]) overtaken(complete Version, item T) bool {
	switch {
	case complete < e.complete: // etcd was restored
		return true
	case item != none[T]() && item.identity().Version > e.version:
		return true
	case e.obj != none[T]():
		return complete >= e.version
	}
	return complete > e.version && item == none[T]()
}

// written takes in an object as the answer to a write of ours gave it, unless what is known is as new: where the store
// has the object's deletion already, nothing would ever take the object out again. It returns what was visible before
// and reports whether that has changed.
func (o *overlay[T]) written(obj T) (old T, changed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, version, complete := nameOf(obj), obj.identity().Version, o.complete()
	if complete >= version || o.hasNewer(n, version) {
		return old, false
	}
	old = o.view(n)
	o.put(n, entry[T]{obj: obj, version: version, complete: complete, since: time.Now()})
	return old, true
}

// deleted hides an object whose deletion the API server has confirmed, unless a newer state of it is known. It returns
// what was visible before and reports whether that has changed.
func (o *overlay[T]) deleted(id Identity) (old T, changed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := id.NamespacedName
	e := entry[T]{version: id.Version, complete: o.complete(), since: time.Now()}
	if o.hasNewer(n, id.Version+1) || e.overtaken(e.complete, o.item(n)) {
		return old, false
	}
	old = o.view(n)
	o.put(n, e)
	return old, old != none[T]()
}

// hasNewer reports whether there is an entry for an object that stands and is of a version or newer.
func (o *overlay[T]) hasNewer(n types.NamespacedName, version Version) bool {
	e, overlaid := o.entries[n]
	return overlaid && e.version >= version && !e.overtaken(o.complete(), o.item(n))
}

// delivered is called after the store has changed, with the store's object before and after, nil for none. It returns
// what was visible before, and reports whether that has changed.
func (o *overlay[T]) delivered(n types.NamespacedName, old, obj T) (before T, changed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	e, overlaid := o.entries[n]
	if !overlaid {
		return old, true
	}
	complete := o.complete()
	if !e.overtaken(complete, o.item(n)) {
		return old, false // the entry is newer than all that the store has
	}
	o.drop(n, e)
	// The answer says of some fields only what was asked for, so the watch may correct it.
	isOwnWrite := e.obj != none[T]() && obj != none[T]() && e.version == obj.identity().Version &&
		complete >= e.complete && reflect.DeepEqual(e.obj, obj)
	return e.obj, e.obj != obj && !isOwnWrite
}

// sweep drops the entries that the store has overtaken and those that are too old, and returns the objects that they
// had by name.
func (o *overlay[T]) sweep(now time.Time) map[types.NamespacedName]T {
	o.mu.Lock()
	defer o.mu.Unlock()
	dropped := map[types.NamespacedName]T{}
	complete := o.complete()
	for n, e := range o.entries {
		if e.overtaken(complete, o.item(n)) || now.Sub(e.since) >= maxAge {
			o.drop(n, e)
			dropped[n] = e.obj
		}
	}
	return dropped
}

func (o *overlay[T]) put(n types.NamespacedName, e entry[T]) {
	if had, overlaid := o.entries[n]; overlaid {
		o.drop(n, had)
	}
	o.entries[n] = e
	if e.obj != none[T]() {
		must(o.shown.Add(e.obj))
	}
	select {
	case o.filled <- struct{}{}:
	default:
	}
}

func (o *overlay[T]) drop(n types.NamespacedName, e entry[T]) {
	delete(o.entries, n)
	if e.obj != none[T]() {
		must(o.shown.Delete(e.obj))
	}
}

func (o *overlay[T]) empty() bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return len(o.entries) == 0
}
