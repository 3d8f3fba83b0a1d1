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

// handFed is a cluster that nobody feeds but the test.
func handFed(t *testing.T) (*Cluster, *objects) {
	t.Helper()
	config := &rest.Config{Host: "unused.invalid"}
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := metadata.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	c := New(Options{
		Metadata: meta, Typed: typed, Kinds: []annotations.Kind{annotations.Secret}, Namespace: "mirrorball-system",
		OnRules: func() {}, Notify: func(Key, Change) {},
	})
	return c, c.kinds[annotations.Secret]
}

func filled(version string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "token", ResourceVersion: version,
		Labels: map[string]string{annotations.LabelReplica: annotations.ReplicaPull},
		Annotations: map[string]string{
			annotations.PullFrom: "platform/token", annotations.ReplicaOf: "platform/token",
		},
	}}
}

// TestLateAnswer: an answer to a write that comes after the removal of the object brings nothing back.
func TestLateAnswer(t *testing.T) {
	c, o := handFed(t)
	written, err := DigestKey{}.replica(filled("5"))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.replicas.Delete(filled("7")); err != nil { // the watch has told of both, the creation and the removal
		t.Fatal(err)
	}
	c.Observe(annotations.Secret, written)
	if at := c.Get(Key{annotations.Secret, written.NamespacedName}); at.Replica != nil {
		t.Error("an object that is gone is taken for a replica")
	}
	later, err := DigestKey{}.replica(filled("9"))
	if err != nil {
		t.Fatal(err)
	}
	c.Observe(annotations.Secret, later)
	if at := c.Get(Key{annotations.Secret, written.NamespacedName}); at.Replica == nil {
		t.Error("the answer to a later write is passed over")
	}
}

// TestAnswerAndList: the answer to a write outlasts a list that is older, unless versions have gone back.
func TestAnswerAndList(t *testing.T) {
	for title, tc := range map[string]struct {
		version string
		want    bool
	}{
		"a list from before the write":         {version: "7", want: true},
		"a list from after it":                 {version: "9", want: false},
		"a list from before all that was seen": {version: "4", want: false},
	} {
		t.Run(title, func(t *testing.T) {
			c, _ := handFed(t)
			if err := c.Replace(nil, nil, nil, "5"); err != nil {
				t.Fatal(err)
			}
			written, err := DigestKey{}.replica(filled("8"))
			if err != nil {
				t.Fatal(err)
			}
			c.Observe(annotations.Secret, written)
			if err := c.Replace(nil, nil, nil, tc.version); err != nil {
				t.Fatal(err)
			}
			if got := c.Get(Key{annotations.Secret, written.NamespacedName}).Replica != nil; got != tc.want {
				t.Errorf("the replica is known: %v, want %v", got, tc.want)
			}
		})
	}
}

// TestPullerStreamOrder: an object that is filled stays a puller, in whatever order the streams tell of it.
// TestPullerStreamOrder: an object that is filled stays a puller, in whatever order the watches tell of it.
func TestPullerStreamOrder(t *testing.T) {
	source := Key{annotations.Secret, types.NamespacedName{Namespace: "platform", Name: "token"}}
	asks := filled("3")
	asks.Labels = nil
	object := &metav1.PartialObjectMetadata{ObjectMeta: asks.ObjectMeta}
	leaves := object.DeepCopy()
	leaves.ResourceVersion = "5"
	for title, order := range map[string][]int{"joins first": {0, 1}, "leaves first": {1, 0}} {
		t.Run(title, func(t *testing.T) {
			c, o := handFed(t)
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
