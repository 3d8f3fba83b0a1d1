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

// activeWorld has one source, in infra, and namespaces with nothing in them.
func activeWorld(t *testing.T, a map[string]string, namespaces ...*informers.Namespace) *plan.World {
	t.Helper()
	return &plan.World{
		Key: key, Namespaces: namespaces, Places: make([]informers.Standing, len(namespaces)),
		Accounts:  func(string) []*informers.ServiceAccount { return nil },
		Protected: func(string) bool { return false },
		Source: plan.Source{
			Identity: informers.Identity{NamespacedName: key.NamespacedName, Created: epoch}, Type: "kubernetes.io/dockerconfigjson",
			Policy: policy(t, a),
			Push:   inSync, Pull: inSync, PullKeys: inSync,
		},
	}
}

func actionsOf(p plan.Plan) []action {
	var got []action
	for _, a := range p.Actions {
		got = append(got, action{a.Verb, a.Target})
	}
	return got
}

func TestNewestNamespacesAreServedFirstAndRemovalsBeforeAll(t *testing.T) {
	younger := func(m *metav1.ObjectMeta) { m.CreationTimestamp = metav1.NewTime(epoch.Add(time.Hour)) }
	w := activeWorld(t, map[string]string{annotations.PushTo: "team-*"}, namespace(t, "other"), namespace(t, "team-c"),
		namespace(t, "team-b"), namespace(t, "team-z", younger), namespace(t, "team-a"))
	w.Places[2].Replica = replica("team-b", pullSecret, func(r *informers.Replica) { r.Digest = old })
	w.Replicas = []*informers.Replica{w.Places[2].Replica, replica("other")}
	want := []action{
		{plan.Delete, name("other", "regcred")}, {plan.Create, name("team-z", "regcred")},
		{plan.Update, name("team-b", "regcred")}, {plan.Create, name("team-a", "regcred")},
		{plan.Create, name("team-c", "regcred")},
	}
	if diff := cmp.Diff(want, actionsOf(plan.Make(w))); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
}

func TestOfTwoSourcesOfOneAgeTheFirstByNameHasTheFreePlace(t *testing.T) {
	push := map[string]string{annotations.PushTo: "team-*"}
	for rival, want := range map[string]int{"a-source": 0, "z-source": 1} {
		w := activeWorld(t, push, namespace(t, "team-a"))
		w.Rivals = []plan.Rival{{
			Identity: informers.Identity{NamespacedName: name(rival, "regcred"), Created: epoch}, Policy: policy(t, push),
		}}
		if got := len(plan.Make(w).Actions); got != want {
			t.Errorf("beside %s: %d actions, want %d", rival, got, want)
		}
	}
}

func TestARivalThatTheNamespaceDoesNotAcceptHasNoRight(t *testing.T) {
	push := map[string]string{annotations.PushTo: "team-*"}
	w := activeWorld(t, push, namespace(t, "team-a", func(m *metav1.ObjectMeta) {
		m.Annotations = map[string]string{annotations.AcceptFrom: key.Namespace}
	}))
	w.Rivals = []plan.Rival{{
		Identity: informers.Identity{NamespacedName: name("older", "regcred"), Created: epoch.Add(-time.Hour)}, Policy: policy(t, push),
	}}
	if got := len(plan.Make(w).Actions); got != 1 {
		t.Errorf("%d actions, want the replica created", got)
	}
}

func pullSecret(r *informers.Replica) { r.Type = "kubernetes.io/dockerconfigjson" }
