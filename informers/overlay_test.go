package informers

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// overlaid is an overlay over a store that the test fills.
func overlaid() (*overlay[*Replica], cache.Indexer) {
	store := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.TypedIndexersToIndexers(replicaIndexers))
	return newOverlay[*Replica](store), store
}

var (
	overlaidName  = types.NamespacedName{Namespace: "shop", Name: "token"}
	unrelatedName = types.NamespacedName{Namespace: "shop", Name: "unrelated"}
	theSource     = types.NamespacedName{Namespace: "platform", Name: "token"}
	otherSource   = types.NamespacedName{Namespace: "platform", Name: "other"}
)

func replicaAt(n types.NamespacedName, version Version, source types.NamespacedName) *Replica {
	return &Replica{Identity: Identity{NamespacedName: n, Version: version}, Source: source}
}

// TestOverlay holds every step to what is visible after it: the version of the object, 0 for none.
func TestOverlay(t *testing.T) {
	type step struct {
		// One of: the watch tells of a state or of a deletion, a list leaves the object out or has it at a version, we
		// wrote, we deleted, time passes.
		told, gone, listed, wrote, deleted Version
		restored                           Version
		waits                              time.Duration
		want                               Version
	}
	tests := map[string]struct {
		steps []step
		// entries is how many are left at the end.
		entries int
	}{
		"A write is visible before the watch tells of it, and its entry goes away afterwards.": {
			steps: []step{{told: 3, want: 3}, {wrote: 5, want: 5}, {told: 5, want: 5}},
		},
		"A create is visible before the watch tells of it.": {
			steps: []step{{wrote: 5, want: 5}}, entries: 1,
		},
		"An older state that comes late does not hide a write.": {
			steps: []step{{wrote: 5, want: 5}, {told: 4, want: 5}}, entries: 1,
		},
		"A newer state replaces a write.": {
			steps: []step{{wrote: 5, want: 5}, {told: 6, want: 6}},
		},
		"An answer that comes after the deletion brings nothing back.": {
			steps: []step{{told: 5, want: 5}, {gone: 7}, {wrote: 5}},
		},
		"An answer to a later write is taken in after a deletion.": {
			steps: []step{{gone: 7}, {wrote: 9, want: 9}}, entries: 1,
		},
		"An older answer does not replace a newer one.": {
			steps: []step{{wrote: 9, want: 9}, {wrote: 8, want: 9}}, entries: 1,
		},
		"A deleted object is hidden until the watch tells of its deletion.": {
			steps: []step{{told: 5, want: 5}, {deleted: 5}, {gone: 7}},
		},
		"A deleted object is hidden while the watch is behind its last state.": {
			steps: []step{{told: 3, want: 3}, {wrote: 5, want: 5}, {deleted: 5}, {told: 4}, {told: 5}}, entries: 1,
		},
		"An object that was made after our deletion is visible.": {
			steps: []step{{told: 5, want: 5}, {deleted: 5}, {told: 9, want: 9}},
		},
		"A deletion of an older state does not hide a newer one.": {
			steps: []step{{told: 9, want: 9}, {deleted: 5, want: 9}},
		},
		"A deletion does not hide a newer write.": {
			steps: []step{{wrote: 9, want: 9}, {deleted: 5, want: 9}}, entries: 1,
		},
		"A deletion that the watch has told of before the answer came needs no entry.": {
			steps: []step{{told: 5, want: 5}, {gone: 7}, {deleted: 5}},
		},
		"A list that leaves out what we wrote means that it has been deleted since.": {
			steps: []step{{wrote: 5, want: 5}, {listed: 8}},
		},
		"A write is of no account when etcd has been restored to a state before it.": {
			steps: []step{{told: 8, want: 8}, {wrote: 9, want: 9}, {restored: 3, want: 3}, {waits: time.Second, want: 3}},
		},
		"A deletion is of no account when etcd has been restored to a state before it.": {
			steps: []step{{told: 8, want: 8}, {deleted: 8}, {restored: 3, want: 3}, {waits: time.Second, want: 3}},
		},
		"A write after a restore is visible before the watch tells of it.": {
			steps: []step{
				{told: 8, want: 8}, {wrote: 9, want: 9}, {restored: 3, want: 3}, {wrote: 4, want: 4}, {told: 4, want: 4},
			},
		},
		"An answer from before a restore that comes after it is forgotten after a while.": {
			steps: []step{{told: 8, want: 8}, {restored: 3, want: 3}, {wrote: 9, want: 9}, {waits: maxAge, want: 3}},
		},
		"A deletion from before a restore that was overtaken by then is forgotten after a while.": {
			steps: []step{{told: 8, want: 8}, {deleted: 8}, {restored: 8}, {waits: maxAge, want: 8}},
		},
		"An entry stays while it is young.": {
			steps: []step{{wrote: 5, want: 5}, {waits: maxAge - time.Second, want: 5}}, entries: 1,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o, store := overlaid()
			for i, s := range tc.steps {
				old := o.item(overlaidName)
				switch {
				case s.told > 0:
					obj := replicaAt(overlaidName, s.told, theSource)
					must(store.Update(obj))
					o.delivered(overlaidName, old, obj)
				case s.gone > 0:
					must(store.Delete(replicaAt(overlaidName, s.gone, theSource)))
					o.delivered(overlaidName, old, nil)
				case s.restored > 0:
					must(store.Replace([]any{replicaAt(overlaidName, s.restored, theSource)}, s.restored.String()))
				case s.waits > 0:
					o.sweep(time.Now().Add(s.waits))
				case s.listed > 0:
					must(store.Replace(nil, s.listed.String()))
					if dropped := o.sweep(time.Now()); len(dropped) != 1 {
						t.Errorf("step %d: the sweep tells of %d objects, want 1", i, len(dropped))
					}
				case s.wrote > 0:
					o.written(replicaAt(overlaidName, s.wrote, theSource))
				case s.deleted > 0:
					o.deleted(Identity{NamespacedName: overlaidName, Version: s.deleted})
				}
				var got Version
				if obj := o.get(overlaidName); obj != nil {
					got = obj.Version
				}
				if got != s.want {
					t.Errorf("step %d: version %d is visible, want %d", i, got, s.want)
				}
				listed := o.find(bySource, keyOf(theSource))
				if all := o.all(); (len(listed) == 1) != (s.want > 0) || len(all) != len(listed) {
					t.Errorf("step %d: %d objects by source and %d in all, version %d is visible", i, len(listed), len(all), got)
				}
			}
			if len(o.entries) != tc.entries {
				t.Errorf("%d entries are left, want %d", len(o.entries), tc.entries)
			}
		})
	}
}

func TestOverlayIndexes(t *testing.T) {
	o, store := overlaid()
	must(store.Add(replicaAt(unrelatedName, 2, theSource)))
	must(store.Add(replicaAt(overlaidName, 3, theSource)))
	o.written(replicaAt(overlaidName, 5, otherSource))
	if got := o.find(bySource, keyOf(theSource)); len(got) != 1 || got[0].NamespacedName != unrelatedName {
		t.Errorf("the source that the replica had has %d replicas, want the unrelated one", len(got))
	}
	if got := o.find(bySource, keyOf(otherSource)); len(got) != 1 || got[0].Version != 5 {
		t.Errorf("the source that the replica was given has %d replicas, want it alone", len(got))
	}
}

// A change is reported when it changes what is visible, with what was visible before.
func TestOverlayReports(t *testing.T) {
	o, store := overlaid()
	first := replicaAt(overlaidName, 3, theSource)
	written := replicaAt(overlaidName, 5, otherSource)
	must(store.Add(first))
	if old, visible := o.written(written); !visible || old != first {
		t.Errorf("a write: reported %v, with the state before %v", visible, old == first)
	}
	late := replicaAt(overlaidName, 4, theSource)
	must(store.Update(late))
	if _, visible := o.delivered(overlaidName, first, late); visible {
		t.Error("a state older than the write is reported")
	}
	must(store.Update(written))
	if _, visible := o.delivered(overlaidName, late, written); visible {
		t.Error("the echo of the write is reported")
	}
	if old, visible := o.deleted(written.Identity); !visible || old != written {
		t.Errorf("our deletion: reported %v, with the state before %v", visible, old == written)
	}
	must(store.Delete(replicaAt(overlaidName, 7, otherSource)))
	if _, visible := o.delivered(overlaidName, written, nil); visible {
		t.Error("the echo of our deletion is reported")
	}
	if !o.empty() {
		t.Error("an entry is left")
	}
}
