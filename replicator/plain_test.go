package replicator

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// A plain replica has none of the keys with a prefix, and loses those that it has of its source.
func TestPlainActions(t *testing.T) {
	const key = "example.com/x"
	for title, plain := range map[string]bool{"plain": true, "with all keys": false} {
		for _, verb := range []plan.Verb{plan.Create, plan.Update, plan.Recreate, plan.Adopt} {
			t.Run(string(verb)+", "+title, func(t *testing.T) {
				w := newExecutorTest(t)
				p := desiredPolicy(t, map[string]string{annotations.CopyLabels: "team," + key})
				w.content.Labels = map[string]string{"team": "blue", key: "y"}
				var err error
				if w.desired, err = desiredOf(w.key, p, w.content); err != nil {
					t.Fatal(err)
				}
				target := informers.Key{Kind: annotations.Secret, NamespacedName: testTarget}
				a := plan.Action{Verb: verb, Target: testTarget, Plain: plain}
				switch verb {
				case plan.Update, plan.Recreate:
					a.Occupant = w.stands(func(s *corev1.Secret) {
						s.Labels = map[string]string{annotations.LabelReplica: annotations.ReplicaPush, key: "old"}
						s.Annotations = map[string]string{annotations.ReplicaOf: "from/s", annotations.CopiedLabels: key}
					})
				case plan.Adopt:
					a.Occupant = w.stands(func(s *corev1.Secret) {
						s.Annotations = map[string]string{
							"reflector.v1.k8s.emberstack.com/reflects":      "from/s",
							"reflector.v1.k8s.emberstack.com/auto-reflects": "true",
						}
					})
				}
				if err := w.execute(t.Context(), &a); err != nil {
					t.Fatal(err)
				}
				got := w.secret()
				if _, carried := got.Labels[key]; carried == plain || got.Labels["team"] != "blue" {
					t.Errorf("the labels are %v", got.Labels)
				}
				if seen := w.cluster.Get(target).Replica; seen.Digest != w.digestKey.Digest(w.pushed(&a)) {
					t.Error("the caches show another content than was written")
				}
			})
		}
	}
}
