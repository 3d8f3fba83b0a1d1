package plan_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// BenchmarkMake decides on a source with ten thousand targets: all in sync, and none there yet.
func BenchmarkMake(b *testing.B) {
	const targets = 10_000
	claims := annotations.Parse(key.Namespace, key.Name, map[string]string{annotations.PushTo: "team-*"})
	w := &plan.World{
		Key: key, Life: plan.Active,
		Source:    plan.Source{Type: "Opaque", Policy: claims.Policy, Push: inSync},
		Accounts:  func(string) []*informers.ServiceAccount { return nil },
		Protected: func(string) bool { return false },
	}
	for i := range targets {
		ns, err := informers.NewNamespace(&metav1.ObjectMeta{Name: fmt.Sprintf("team-%05d", i), ResourceVersion: "1"})
		if err != nil {
			b.Fatal(err)
		}
		w.Namespaces = append(w.Namespaces, ns)
		w.Replicas = append(w.Replicas, replica(ns.Name))
		w.Places = append(w.Places, informers.Standing{Replica: w.Replicas[i]})
	}
	for _, bc := range []struct {
		name  string
		world plan.World
		want  int
	}{
		{"in sync", *w, 0},
		{"all missing", func(w plan.World) plan.World {
			w.Places, w.Replicas = make([]informers.Standing, targets), nil
			return w
		}(*w), targets},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if p := plan.Make(&bc.world); len(p.Actions) != bc.want || p.Err != nil {
					b.Fatalf("%d actions, %v", len(p.Actions), p.Err)
				}
			}
		})
	}
}
