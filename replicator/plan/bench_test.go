package plan_test

import (
	"fmt"
	"testing"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// BenchmarkMake decides on a source with ten thousand targets: all in sync, and none there yet.
func BenchmarkMake(b *testing.B) {
	const targets = 10_000
	claims := annotations.Parse(key.Namespace, key.Name, map[string]string{annotations.PushTo: "team-*"})
	w := &world{phase: plan.PhaseActive, source: plan.Source{Type: "Opaque", Policy: claims.Policy, Push: inSync}}
	for i := range targets {
		w.namespaces = append(w.namespaces, namespace(b, fmt.Sprintf("team-%05d", i)))
		w.naming = append(w.naming, replica(w.namespaces[i].Name))
		w.occupants = append(w.occupants, informers.Occupant{Replica: w.naming[i]})
	}
	missing := *w
	missing.occupants, missing.naming = make([]informers.Occupant, targets), nil
	for _, bc := range []struct {
		name  string
		world *plan.World
		want  int
	}{
		{"in sync", w.world(b), 0},
		{"all missing", missing.world(b), targets},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if p := plan.Make(bc.world); len(p.Actions) != bc.want || p.Err != nil {
					b.Fatalf("%d actions, %v", len(p.Actions), p.Err)
				}
			}
		})
	}
}
