package replicator

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// newTestController makes one that does not run, before a server that has nothing.
func newTestController(t *testing.T) (*Controller, *kubernetes.Clientset) {
	t.Helper()
	server := apiservertest.New(apiservertest.Options{})
	t.Cleanup(server.Close)
	config := &rest.Config{Host: "http://sim", Transport: server.RoundTripper("test"), QPS: -1}
	c, err := New(Options{
		Config: config, Kinds: []annotations.Kind{annotations.Secret}, Namespace: "mirrorball-system",
		SourceDeleteGrace: time.Minute, Workers: 1, WriteConcurrency: 1, Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.queue.ShutDown)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c, client
}

var testSource = informers.Key{
	Kind: annotations.Secret, NamespacedName: types.NamespacedName{Namespace: "from", Name: "s"},
}

// createSource puts a Secret with annotations where the source is.
func createSource(t *testing.T, client kubernetes.Interface, notes map[string]string) {
	t.Helper()
	from := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "from"}}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), from, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	source := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "from", Name: "s", Annotations: notes}}
	if _, err := client.CoreV1().Secrets("from").Create(t.Context(), source, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// TestSourceReadAgain: a source that could not be read is read again. A list that is behind may show a version that was
// read before. Found by the simulation.
func TestSourceReadAgain(t *testing.T) {
	c, _ := newTestController(t) // every read is answered by 404
	policy := &annotations.Policy{}
	s := newState()
	s.loaded = &loaded{uid: "u", version: 1, policy: policy, source: &plan.Source{Policy: policy}}
	for _, version := range []informers.Version{2, 1} {
		o := observation{view: informers.SourceView{Occupant: informers.Occupant{Candidate: &informers.Candidate{
			Identity: informers.Identity{NamespacedName: testSource.NamespacedName, UID: "u", Version: version},
			Claims:   &annotations.Claims{Policy: policy},
		}}}}
		if err := c.observer.observeSource(t.Context(), testSource, s, &o); err != nil {
			t.Fatal(err)
		}
		if o.Reading != plan.ReadingStale || s.loaded != nil {
			t.Errorf("version %d: content %d, want it to be stale", version, o.Reading)
		}
	}
}

// The caches may not show the object yet that stands where a source was. A mistake in its annotations, whichever it is,
// freezes it all the same, and removes none of its replicas. Found by the simulation, seed 1272.
func TestSourceNotInCache(t *testing.T) {
	c, client := newTestController(t)
	createSource(t, client, map[string]string{annotations.PullFrom: "itself"})
	c.cluster.Observe(annotations.Secret, &informers.Replica{
		Identity: informers.Identity{NamespacedName: types.NamespacedName{Namespace: "to", Name: "s"}, UID: "r", Version: 1},
		Source:   testSource.NamespacedName,
	})
	o, err := c.observer.observe(t.Context(), testSource, newState())
	if err != nil {
		t.Fatal(err)
	}
	if r := plan.Resolve(o.Facts); r.Phase != plan.PhaseStale {
		t.Errorf("phase %s, want %s", r.Phase, plan.PhaseStale)
	}
}

// TestGraceBetweenPasses: the grace of a source that was back between two passes begins anew. Found by the simulation,
// seed 2070: what came and went within a tenth of a second was not there at either pass.
func TestGraceBetweenPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newTestController(t)
		deleted := informers.Change{Scope: informers.FullScope(), Urgent: true, Deleted: true}
		around := informers.Change{Scope: informers.NamespaceScope("to")}
		c.cluster.Observe(annotations.Secret, &informers.Replica{
			Identity: informers.Identity{NamespacedName: types.NamespacedName{Namespace: "to", Name: "s"}, UID: "r", Version: 1},
			Source:   testSource.NamespacedName,
		})
		for i, step := range []struct {
			change informers.Change
			want   time.Duration
		}{
			{deleted, time.Minute}, {around, 20 * time.Second}, {around, 0}, {deleted, time.Minute}, {around, 20 * time.Second},
		} {
			c.notify(testSource, step.change)
			p := c.begin(testSource)
			o, err := c.observer.observe(t.Context(), testSource, p.state)
			if err != nil {
				t.Fatal(err)
			}
			p.resolution = plan.Resolve(o.Facts)
			p.commit()
			if p.resolution.GraceLeft != step.want {
				t.Errorf("step %d: %s of the grace are left, want %s", i, p.resolution.GraceLeft, step.want)
			}
			<-time.After(40 * time.Second)
		}
	})
}

// TestSurvival: a remembered policy goes onto nothing but what may be its source.
func TestSurvival(t *testing.T) {
	c, _ := newTestController(t)
	notes := map[string]string{annotations.PushTo: "to"}
	record := &informers.Record{
		Annotations: notes, Type: "Opaque", Policy: annotations.Parse("from", "s", notes).Policy,
	}
	record.Policy.SurvivesRecreation = true
	bare := func() *observation {
		return &observation{
			Facts: plan.Facts{Allowed: true}, record: record, object: &corev1.Secret{}, secretType: "Opaque",
		}
	}
	for title, tc := range map[string]struct {
		change func(o *observation)
		want   plan.Survival
	}{
		"a bare object":            {func(*observation) {}, plan.Surviving},
		"of another type":          {func(o *observation) { o.secretType = "other" }, plan.OtherType},
		"where no source may be":   {func(o *observation) { o.Allowed = false }, plan.OtherObject},
		"with nothing remembered":  {func(o *observation) { o.record = nil }, plan.NotSurviving},
		"a replica of another one": {func(o *observation) { o.object = replicaOf("other/s") }, plan.OtherObject},
	} {
		t.Run(title, func(t *testing.T) {
			o := bare()
			tc.change(o)
			if got := c.observer.survival(testSource, o); got != tc.want {
				t.Errorf("survival %d, want %d", got, tc.want)
			}
		})
	}
}

func replicaOf(source string) metav1.Object {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{annotations.ReplicaOf: source}}}
}
