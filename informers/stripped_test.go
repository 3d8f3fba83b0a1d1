package informers

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// TestStripped has an object that names a source, with labels and further annotations.
func TestStripped(t *testing.T) {
	const label, managed = annotations.LabelReplica, annotations.LabelManagedBy
	for _, tc := range []struct {
		name   string
		labels map[string]string
		notes  map[string]string
		// mode is that of the replica, and isReplica says whether it is one.
		mode      string
		isReplica bool
	}{
		{"its label is there", map[string]string{label: "push"}, nil, "push", true},
		{"its label was taken off", map[string]string{managed: "mirrorball"}, nil, "push", true},
		{"its label was changed", map[string]string{label: "mine"}, nil, "push", true},
		{"its label was set to pull", map[string]string{label: "pull", managed: "mirrorball"}, nil, "push", true},
		{"all its labels were taken off", nil, nil, "", true},
		{"it was filled once", map[string]string{label: "pull"}, nil, "pull", true},
		{"it pulls, and has another label", map[string]string{label: "mine"},
			map[string]string{annotations.PullFrom: "from/s"}, "mine", true},
		{"it pulls", nil, map[string]string{annotations.PullFrom: "from/s"}, "", false},
		{"it is a source", nil, map[string]string{annotations.PushTo: "*"}, "", false},
		{"it has an annotation that can't be read", nil, map[string]string{annotations.PushTo: "?*["}, "", false},
		{"it was released", map[string]string{managed: "mirrorball"},
			map[string]string{annotations.ReplicaOf: ""}, "", false},
		{"it names nothing", nil, map[string]string{annotations.ReplicaOf: "a b/c"}, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := NewTestCluster(nil)
			o := c.kinds[annotations.Secret]
			m := metav1.ObjectMeta{
				Namespace: "to", Name: "s", UID: "u", ResourceVersion: "7", Labels: tc.labels,
				Annotations: map[string]string{annotations.ReplicaOf: "from/s"},
			}
			for k, v := range tc.notes {
				m.Annotations[k] = v
			}
			var err error
			if _, labelled := tc.labels[label]; labelled {
				err = o.replicas.Update(&corev1.Secret{ObjectMeta: m})
			} else {
				err = o.candidates.Update(&metav1.PartialObjectMetadata{ObjectMeta: m})
			}
			if err != nil {
				t.Fatal(err)
			}
			of := types.NamespacedName{Namespace: "from", Name: "s"}
			r := c.Get(Key{annotations.Secret, types.NamespacedName{Namespace: "to", Name: "s"}}).Marked()
			if (r != nil) != tc.isReplica || r != nil && (r.Mode != tc.mode || r.Source != of) {
				t.Errorf("replica: %+v, want one: %t, of mode %q", r, tc.isReplica, tc.mode)
			}
			named := c.Snapshot(Query{Key: Key{annotations.Secret, of}, Scope: FullScope()}).Replicas
			view := c.Source(Key{annotations.Secret, of})
			if (len(named) == 1) != tc.isReplica || view.HasReplicas != tc.isReplica {
				t.Errorf("replicas of the source: %d in a snapshot, in its view: %t, want one: %t", len(named), view.HasReplicas,
					tc.isReplica)
			}
		})
	}
}
