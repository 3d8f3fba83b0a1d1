package informers

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// newTestCluster is a Cluster whose stores are fed by hand.
func newTestCluster(t *testing.T, notify func(Key, Change)) *Cluster {
	t.Helper()
	config := &rest.Config{Host: "http://unused.invalid"}
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := metadata.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{
		Metadata: meta, Typed: typed, Kinds: []annotations.Kind{annotations.Secret}, Namespace: "mirrorball-system",
		DigestKey: NewDigestKey(), Notify: notify,
	})
}

func pullersOf(c *Cluster, source Key) []Puller {
	return c.Snapshot(Query{Key: source, Scope: FullScope()}).Pullers
}

func TestPullersWithoutPushedReplicas(t *testing.T) {
	c := newTestCluster(t, func(Key, Change) {})
	secrets := c.kinds[annotations.Secret]
	source := Key{annotations.Secret, types.NamespacedName{Namespace: "from", Name: "s"}}
	puller := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: "to", Name: "s", ResourceVersion: "1", Annotations: map[string]string{annotations.PullFrom: "from/s"},
	}}
	if err := secrets.candidates.Update(puller); err != nil {
		t.Fatal(err)
	}
	if got := len(pullersOf(c, source)); got != 1 {
		t.Fatalf("%d objects pull, want 1", got)
	}
	// The watch of replicas is ahead of that of candidates: the puller was deleted and a replica pushed in its place.
	replica := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: "to", Name: "s", ResourceVersion: "3",
		Labels:      map[string]string{annotations.LabelReplica: annotations.ReplicaPush},
		Annotations: map[string]string{annotations.ReplicaOf: "from/s"},
	}}
	if err := secrets.replicas.Update(replica); err != nil {
		t.Fatal(err)
	}
	if got := pullersOf(c, source); len(got) != 0 {
		t.Errorf("%d objects pull, want none: what stands there was pushed", len(got))
	}
}

func TestPullersBetweenTwoWatches(t *testing.T) {
	c := newTestCluster(t, func(Key, Change) {})
	secrets := c.kinds[annotations.Secret]
	meta := metav1.ObjectMeta{
		Namespace: "to", Name: "s", ResourceVersion: "1", Annotations: map[string]string{annotations.PullFrom: "from/s"},
	}
	candidate := &metav1.PartialObjectMetadata{ObjectMeta: meta}
	if err := secrets.candidates.Update(candidate); err != nil {
		t.Fatal(err)
	}
	meta.ResourceVersion = "2"
	meta.Labels = map[string]string{annotations.LabelReplica: annotations.ReplicaPull}
	if err := secrets.replicas.Update(&corev1.Secret{ObjectMeta: meta}); err != nil {
		t.Fatal(err)
	}
	// That it is no candidate any more comes second.
	candidate = candidate.DeepCopy()
	candidate.ResourceVersion = "2"
	if err := secrets.candidates.Delete(candidate); err != nil {
		t.Fatal(err)
	}
	if got := len(pullersOf(c, Key{annotations.Secret, types.NamespacedName{Namespace: "from", Name: "s"}})); got != 1 {
		t.Errorf("%d objects pull, want the one that was filled", got)
	}
}

func TestOccupantIsTheNewer(t *testing.T) {
	tests := map[string]struct {
		candidate, replica string
		wantReplica        bool
	}{
		"a replica was deleted and a source made in its place": {candidate: "5", replica: "3"},
		"a source was labelled as a replica":                   {candidate: "3", replica: "5", wantReplica: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := newTestCluster(t, func(Key, Change) {})
			secrets := c.kinds[annotations.Secret]
			meta := metav1.ObjectMeta{Namespace: "from", Name: "s", ResourceVersion: tc.candidate}
			meta.Annotations = map[string]string{annotations.PushTo: "*"}
			if err := secrets.candidates.Update(&metav1.PartialObjectMetadata{ObjectMeta: meta}); err != nil {
				t.Fatal(err)
			}
			meta.ResourceVersion, meta.Annotations = tc.replica, map[string]string{annotations.ReplicaOf: "other/s"}
			meta.Labels = map[string]string{annotations.LabelReplica: annotations.ReplicaPush}
			if err := secrets.replicas.Update(&corev1.Secret{ObjectMeta: meta}); err != nil {
				t.Fatal(err)
			}
			at := c.Get(Key{annotations.Secret, types.NamespacedName{Namespace: "from", Name: "s"}})
			if (at.Replica != nil) != tc.wantReplica || (at.Candidate != nil) == tc.wantReplica {
				t.Errorf("candidate %v, replica %v", at.Candidate != nil, at.Replica != nil)
			}
		})
	}
}
