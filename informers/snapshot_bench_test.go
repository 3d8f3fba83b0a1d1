package informers_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

// BenchmarkSnapshot is what it costs to look at a source whose replicas are in sync: at everything, and at what has
// changed.
func BenchmarkSnapshot(b *testing.B) {
	for _, targets := range []int{1000, 10_000} {
		c := informers.NewTestCluster(nil)
		var namespaces []*corev1.Namespace
		var secrets []*corev1.Secret
		for i := range targets {
			name := fmt.Sprintf("team-%05d", i)
			namespaces = append(namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: "1"}})
			secrets = append(secrets, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
				Namespace: name, Name: "regcred", ResourceVersion: "1",
				Labels:      map[string]string{annotations.LabelReplica: annotations.ReplicaPush},
				Annotations: map[string]string{annotations.ReplicaOf: "infra/regcred"},
			}})
		}
		if err := c.Replace(namespaces, secrets, nil, "1"); err != nil {
			b.Fatal(err)
		}
		source := types.NamespacedName{Namespace: "infra", Name: "regcred"}
		policy := annotations.Parse("infra", "regcred", map[string]string{annotations.PushTo: "team-*"}).Policy
		for _, bc := range []struct {
			name  string
			scope informers.Scope
			want  int
		}{
			{"full", informers.FullScope(), targets},
			{"one namespace", informers.NamespaceScope("team-00500"), 1},
			{"one replica", informers.ObjectScope(types.NamespacedName{Namespace: "team-00500", Name: "regcred"}), 1},
		} {
			b.Run(fmt.Sprintf("%d targets/%s", targets, bc.name), func(b *testing.B) {
				q := informers.Query{
					Key: informers.Key{Kind: annotations.Secret, NamespacedName: source}, Policy: policy, Scope: bc.scope,
				}
				b.ReportAllocs()
				for b.Loop() {
					if s := c.Snapshot(q); len(s.Targets) != bc.want || len(s.Replicas) != bc.want {
						b.Fatalf("%d targets, %d replicas", len(s.Targets), len(s.Replicas))
					}
				}
			})
		}
	}
}
