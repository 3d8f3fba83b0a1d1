package informers

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

func pullersOf(c *Cluster, source Key) []Puller {
	return c.Snapshot(Query{Key: source, Scope: FullScope()}).Pullers
}

func TestPullersWithoutPushedReplicas(t *testing.T) {
	c := NewTestCluster(nil)
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
	c := NewTestCluster(nil)
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

// TestPullersInEitherOrder: an object that is filled stays a puller, in whatever order the watches tell of it.
func TestPullersInEitherOrder(t *testing.T) {
	source := Key{annotations.Secret, types.NamespacedName{Namespace: "platform", Name: "token"}}
	asks := filled("3")
	asks.Labels = nil
	object := &metav1.PartialObjectMetadata{ObjectMeta: asks.ObjectMeta}
	leaves := object.DeepCopy()
	leaves.ResourceVersion = "5"
	for title, order := range map[string][]int{"joins first": {0, 1}, "leaves first": {1, 0}} {
		t.Run(title, func(t *testing.T) {
			c := NewTestCluster(nil)
			o := c.kinds[annotations.Secret]
			if err := o.candidates.Add(object); err != nil {
				t.Fatal(err)
			}
			steps := []func() error{
				func() error { return o.replicas.Add(filled("5")) },
				func() error { return o.candidates.Delete(leaves) },
			}
			for _, step := range order {
				if err := steps[step](); err != nil {
					t.Fatal(err)
				}
			}
			if pullers := pullersOf(c, source); len(pullers) != 1 || pullers[0].Replica == nil {
				t.Errorf("the source's pullers are %v", pullers)
			}
		})
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
			c := NewTestCluster(nil)
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
