package plan_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

func TestOrderOfActions(t *testing.T) {
	younger := func(m *metav1.ObjectMeta) { m.CreationTimestamp = metav1.NewTime(epoch.Add(time.Hour)) }
	w := activeWorld(t, map[string]string{annotations.PushTo: "team-*"}, namespace(t, "other"), namespace(t, "team-c"),
		namespace(t, "team-b"), namespace(t, "team-z", younger), namespace(t, "team-a"))
	w.occupants[2].Replica = replica("team-b", pullSecret, func(r *informers.Replica) { r.Digest = old })
	w.naming = []*informers.Replica{w.occupants[2].Replica, replica("other")}
	want := []action{
		{plan.Delete, name("other", "regcred")}, {plan.Create, name("team-z", "regcred")},
		{plan.Update, name("team-b", "regcred")}, {plan.Create, name("team-a", "regcred")},
		{plan.Create, name("team-c", "regcred")},
	}
	if diff := cmp.Diff(want, actionsOf(w.make(t))); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
}

func TestCompetitorOfTheSameAge(t *testing.T) {
	push := map[string]string{annotations.PushTo: "team-*"}
	for other, want := range map[string]int{"a-source": 0, "z-source": 1} {
		w := activeWorld(t, push, namespace(t, "team-a"))
		w.competitors = []competitor{{
			Identity: informers.Identity{NamespacedName: name(other, "regcred"), Created: epoch}, Policy: policy(t, push),
		}}
		if got := len(w.make(t).Actions); got != want {
			t.Errorf("beside %s: %d actions, want %d", other, got, want)
		}
	}
}

func TestUnacceptedCompetitor(t *testing.T) {
	push := map[string]string{annotations.PushTo: "team-*"}
	w := activeWorld(t, push, namespace(t, "team-a", func(m *metav1.ObjectMeta) {
		m.Annotations = map[string]string{annotations.AcceptFrom: key.Namespace}
	}))
	w.competitors = []competitor{{
		Identity: informers.Identity{
			NamespacedName: name("older", "regcred"),
			Created:        epoch.Add(-time.Hour),
		}, Policy: policy(t, push),
	}}
	if got := len(w.make(t).Actions); got != 1 {
		t.Errorf("%d actions, want the replica created", got)
	}
}
