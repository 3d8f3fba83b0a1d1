package informers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// tenureTest is a cluster with two sources for one target, from/s and tenant/s, and the namespace "to".
type tenureTest struct {
	*testing.T
	*Cluster
	version  int
	notified map[types.NamespacedName]bool
}

func newTenureTest(t *testing.T) *tenureTest {
	w := &tenureTest{T: t, notified: map[types.NamespacedName]bool{}}
	w.Cluster = NewTestCluster(func(key Key, _ Change) { w.notified[key.NamespacedName] = true })
	w.must(w.namespaces.Update(&metav1.PartialObjectMetadata{ObjectMeta: w.meta("", "to", 0)}))
	w.must(w.namespaces.Update(&metav1.PartialObjectMetadata{ObjectMeta: w.meta("", "from", 0)}))
	w.put("from", "s", 1, annotations.PushTo, "*")
	w.put("tenant", "s", 2, annotations.PushTo, "*")
	return w
}

func (w *tenureTest) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// meta is the metadata of an object that was created at a second.
func (w *tenureTest) meta(namespace, name string, created int64) metav1.ObjectMeta {
	w.version++
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name, UID: types.UID(namespace + time.Unix(created, 0).String()),
		ResourceVersion: Version(w.version).String(), CreationTimestamp: metav1.Unix(created, 0),
	}
}

func withPolicy(m metav1.ObjectMeta) metav1.ObjectMeta {
	metav1.SetMetaDataAnnotation(&m, annotations.PushTo, "*")
	return m
}

func (w *tenureTest) put(namespace, name string, created int64, notes ...string) {
	w.Helper()
	m := w.meta(namespace, name, created)
	for i := 0; i < len(notes); i += 2 {
		metav1.SetMetaDataAnnotation(&m, notes[i], notes[i+1])
	}
	w.must(w.kinds[annotations.Secret].candidates.Update(&metav1.PartialObjectMetadata{ObjectMeta: m}))
}

func (w *tenureTest) remove(namespace, name string) {
	w.Helper()
	gone := &metav1.PartialObjectMetadata{ObjectMeta: w.meta(namespace, name, 9)}
	w.must(w.kinds[annotations.Secret].candidates.Delete(gone))
}

func source1(namespace string) Key {
	return Key{annotations.Secret, types.NamespacedName{Namespace: namespace, Name: "s"}}
}

// targets are what the tenant's source finds at its targets where nothing stands: "kept", or its competitors.
func (w *tenureTest) targets() map[string]any {
	w.Helper()
	all, err := annotations.ParseNamespacePatterns("*")
	w.must(err)
	policy := annotations.Parse("tenant", "s", map[string]string{annotations.PushTo: "*"}).Policy
	snapshot := w.Snapshot(Query{Key: source1("tenant"), Policy: policy, Scope: FullScope(), SourceNamespaces: all})
	found := map[string]any{}
	for _, t := range snapshot.Targets {
		switch {
		case t.Occupant.Identity() != nil:
		case t.Reserved:
			found[t.Namespace.Name] = "kept"
		default:
			found[t.Namespace.Name] = t.Competitors
		}
	}
	return found
}

func (w *tenureTest) want(what string, want map[string]any) {
	w.Helper()
	if diff := cmp.Diff(want, w.targets()); diff != "" {
		w.Errorf("%s: free targets of the tenant (-want +got):\n%s", what, diff)
	}
}

func TestTenure(t *testing.T) {
	at := func(began int64, departed bool) []Competitor {
		return []Competitor{{source1("from").NamespacedName, time.Unix(began, 0), departed}}
	}
	key := source1("from")
	t.Run("a rotation by deletion and creation keeps place and rank", func(t *testing.T) {
		w := newTenureTest(t)
		for rotation := range int64(3) {
			w.want("before", map[string]any{"to": at(1, false)})
			w.remove("from", "s")
			w.want("gone", map[string]any{"to": at(1, true), "from": "kept"})
			w.put("from", "s", 10+rotation)
			w.want("bare", map[string]any{"to": at(1, true)})
			w.put("from", "s", 10+rotation, annotations.PushTo, "*")
		}
		w.want("after", map[string]any{"to": at(1, false)})
	})
	t.Run("a source has left before that is told", func(t *testing.T) {
		w := newTenureTest(t)
		store := w.kinds[annotations.Secret].candidates.everywhere
		w.must(store.indexer().Delete(store.item(key.NamespacedName)))
		w.want("gone from the store", map[string]any{"to": at(1, true), "from": "kept"})
		back, err := newCandidate(&metav1.PartialObjectMetadata{ObjectMeta: withPolicy(w.meta("from", "s", 10))})
		w.must(err)
		w.must(store.indexer().Add(back))
		w.want("back in the store", map[string]any{"to": at(1, false)})
	})
	t.Run("a source that is given up begins anew", func(t *testing.T) {
		w := newTenureTest(t)
		w.remove("from", "s")
		clear(w.notified)
		w.GiveUp(key, w.Source(key).Departed)
		w.want("given up", map[string]any{"to": []Competitor(nil), "from": []Competitor(nil)})
		if !w.notified[source1("tenant").NamespacedName] {
			t.Error("the other source does not learn of it")
		}
		w.put("from", "s", 10, annotations.PushTo, "*")
		w.want("after", map[string]any{"to": at(10, false)})
	})
	t.Run("one that has come back is not given up", func(t *testing.T) {
		w := newTenureTest(t)
		w.remove("from", "s")
		last := w.Source(key).Departed
		w.put("from", "s", 10, annotations.PushTo, "*")
		w.remove("from", "s")
		w.GiveUp(key, last)
		w.want("gone again", map[string]any{"to": at(1, true), "from": "kept"})
	})
	t.Run("a record holds the rank, and the place until the cluster has settled", func(t *testing.T) {
		w := newTenureTest(t)
		w.put("from", "s", 10, annotations.PushTo, "*")
		w.remove("from", "s")
		w.GiveUp(key, w.Source(key).Departed)
		record := &Record{Source: key, Since: time.Unix(1, 0), Annotations: map[string]string{annotations.PushTo: "*"}}
		cm := record.ConfigMap("mirrorball-system")
		cm.ResourceVersion, cm.UID = "99", "r"
		w.must(w.records.Update(cm))
		w.want("recorded", map[string]any{"to": []Competitor(nil), "from": "kept"})
		clear(w.notified)
		w.Settle()
		w.want("settled", map[string]any{"to": []Competitor(nil), "from": []Competitor(nil)})
		if !w.notified[source1("tenant").NamespacedName] {
			t.Error("the other source does not learn of it")
		}
		w.put("from", "s", 20, annotations.PushTo, "*")
		w.want("back", map[string]any{"to": at(1, false)})
		if got := w.Since(key); !got.Equal(time.Unix(1, 0)) {
			t.Errorf("it is a source since %s", got)
		}
	})
	t.Run("a replica that names a source keeps its place until the cluster has settled", func(t *testing.T) {
		w := newTenureTest(t)
		w.remove("from", "s")
		w.GiveUp(key, w.Source(key).Departed)
		m := w.meta("to", "s", 3)
		m.Labels = map[string]string{annotations.LabelReplica: annotations.ReplicaPush}
		m.Annotations = map[string]string{annotations.ReplicaOf: "from/s"}
		w.must(w.kinds[annotations.Secret].replicas.Update(&corev1.Secret{ObjectMeta: m}))
		w.want("named", map[string]any{"from": "kept"})
		w.Settle()
		w.want("settled", map[string]any{"from": []Competitor(nil)})
	})
}

func TestHold(t *testing.T) {
	w := newTenureTest(t)
	at := Key{annotations.Secret, types.NamespacedName{Namespace: "to", Name: "s"}}
	owner := func() types.NamespacedName {
		policy := annotations.Parse("tenant", "s", map[string]string{annotations.PushTo: "to"}).Policy
		return w.Snapshot(Query{Key: source1("tenant"), Policy: policy, Scope: FullScope()}).Targets[0].Owner
	}
	release := w.Hold(at, source1("from").NamespacedName)
	if got := owner(); got != source1("from").NamespacedName {
		t.Errorf("the place is kept for %q", got)
	}
	clear(w.notified)
	release()
	if got := owner(); got != (types.NamespacedName{}) || !w.notified[source1("tenant").NamespacedName] {
		t.Errorf("after that it is kept for %q; the other source is told: %v", got, w.notified)
	}
}
