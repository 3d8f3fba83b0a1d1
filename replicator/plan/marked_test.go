package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// TestMarkedReplicas has a replica that is marked to be kept beside one that is not.
func TestMarkedReplicas(t *testing.T) {
	a, b := namespace(t, "team-a"), namespace(t, "team-b")
	marked := replica("team-a", func(r *informers.Replica) { r.Keep = true })
	account := func(namespace string) *informers.ServiceAccount {
		return &informers.ServiceAccount{
			Identity:    informers.Identity{NamespacedName: name(namespace, "default")},
			PullSecrets: []string{"regcred"}, Attached: map[string]types.NamespacedName{"regcred": key.NamespacedName},
		}
	}
	for _, tc := range []struct {
		name        string
		phase       plan.Phase
		keepsMarked bool
		want        []string
	}{
		{"its source is gone, and nothing is known of it", plan.PhaseDeleted, true,
			[]string{"detach team-b", "delete team-b"}},
		{"its source is gone, and said to remove", plan.PhaseDeleted, false,
			[]string{"detach team-a", "detach team-b", "delete team-a", "delete team-b"}},
		{"its source has released it", plan.PhaseReleased, false,
			[]string{"detach team-a", "detach team-b", "delete team-a", "delete team-b"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := plan.World{Key: key, Phase: tc.phase, KeepsMarked: tc.keepsMarked, Snapshot: informers.Snapshot{
				Replicas: []informers.PlacedReplica{{Replica: marked, In: a}, {Replica: replica("team-b"), In: b}},
				Attached: []informers.PlacedAccount{
					{ServiceAccount: account("team-a"), In: a}, {ServiceAccount: account("team-b"), In: b},
				},
			}}
			var got []string
			for _, action := range plan.Make(&w).Actions {
				got = append(got, string(action.Verb)+" "+action.Target.Namespace)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}
