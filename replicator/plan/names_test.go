package plan_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// TestFreePlaces is about who gets a place where nothing stands.
func TestFreePlaces(t *testing.T) {
	rival := func(began time.Time, departed bool) informers.Competitor {
		return informers.Competitor{NamespacedName: name("other", "regcred"), Since: began, Departed: departed}
	}
	for title, tc := range map[string]struct {
		reserved    bool
		owner       types.NamespacedName
		competitors []informers.Competitor
		began       time.Time
		want        plan.State
		wantWhy     string
	}{
		"nobody else wants it": {want: plan.Missing},
		"it is the name of a source that has left": {
			reserved: true, want: plan.Conflict, wantWhy: "the name is that of a source, which may be created again",
		},
		"a senior source has left, and would want it": {
			competitors: []informers.Competitor{rival(epoch.Add(-time.Hour), true)}, want: plan.Conflict,
			wantWhy: "the source other/regcred is older and selects the same target; it may be created again",
		},
		"another source's replica is made again there": {
			owner: name("other", "regcred"), want: plan.Conflict, wantWhy: "the existing object is a replica of other/regcred",
		},
		"its own is made again": {owner: key.NamespacedName, want: plan.Missing},
		"a junior one has":      {competitors: []informers.Competitor{rival(epoch.Add(time.Hour), true)}, want: plan.Missing},
		"the source is older than its object": {
			competitors: []informers.Competitor{rival(epoch.Add(-time.Hour), false)}, began: epoch.Add(-2 * time.Hour),
			want: plan.Missing,
		},
	} {
		t.Run(title, func(t *testing.T) {
			w := activeWorld(t, map[string]string{annotations.PushTo: "team-*"}, namespace(t, "team-a")).world(t)
			w.Targets[0].Reserved, w.Targets[0].Owner, w.Targets[0].Competitors = tc.reserved, tc.owner, tc.competitors
			if !tc.began.IsZero() {
				w.Since = tc.began
			}
			p := plan.Make(w)
			want := []plan.Verdict{{NamespacedName: name("team-a", "regcred"), State: tc.want, Reason: tc.wantWhy}}
			if diff := cmp.Diff(want, p.Verdicts); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
			if got := len(p.Actions) == 1; got != (tc.want == plan.Missing) {
				t.Errorf("actions %v", actionsOf(p))
			}
		})
	}
}

func TestContestedCopies(t *testing.T) {
	rival := []informers.Competitor{{NamespacedName: name("other", "regcred"), Since: epoch.Add(time.Hour)}}
	at := name("team-a", "regcred")
	for title, tc := range map[string]struct {
		competitors []informers.Competitor
		accept      string
		incompat    plan.Incompatible
		want        []action
		wantIt      bool
	}{
		"nobody else wants it":           {want: []action{{plan.Adopt, at}}},
		"a younger source wants it":      {competitors: rival, want: []action{{plan.Adopt, at}}, wantIt: true},
		"a source wants it that may not": {competitors: rival, accept: "infra", want: []action{{plan.Adopt, at}}},
		"found incompatible when contested": {
			competitors: rival, incompat: plan.Incompatible{Version: 7, Reason: "x", Contested: true},
		},
		"found so, and not contested any more": {
			incompat: plan.Incompatible{Version: 7, Reason: "x", Contested: true}, want: []action{{plan.Adopt, at}},
		},
		"found so without a rival": {incompat: plan.Incompatible{Version: 7, Reason: "x"}},
	} {
		t.Run(title, func(t *testing.T) {
			active := activeWorld(t, map[string]string{annotations.PushTo: "team-*"}, namespace(t, "team-a",
				func(m *metav1.ObjectMeta) {
					if tc.accept != "" {
						m.Annotations = map[string]string{annotations.AcceptFrom: tc.accept}
					}
				}))
			active.occupants[0].Candidate = &informers.Candidate{
				Identity: informers.Identity{NamespacedName: at, Version: 7}, Claims: &annotations.Claims{PushedVersion: "3"},
			}
			active.incompatible = map[types.NamespacedName]plan.Incompatible{at: tc.incompat}
			w := active.world(t)
			w.Targets[0].Competitors = tc.competitors
			p := plan.Make(w)
			if diff := cmp.Diff(tc.want, actionsOf(p)); diff != "" {
				t.Fatalf("actions (-want +got):\n%s", diff)
			}
			if len(p.Actions) > 0 && p.Actions[0].Contested != tc.wantIt {
				t.Errorf("contested: %t", p.Actions[0].Contested)
			}
		})
	}
}

func TestReservedNames(t *testing.T) {
	for title, tc := range map[string]struct {
		kind annotations.Kind
		name string
		want plan.State
	}{
		"a reserved ConfigMap":      {annotations.ConfigMap, "kube-root-ca.crt", plan.Reserved},
		"a Secret of the same name": {annotations.Secret, "kube-root-ca.crt", plan.Missing},
		"another ConfigMap":         {annotations.ConfigMap, "ca.crt", plan.Missing},
	} {
		t.Run(title, func(t *testing.T) {
			w := activeWorld(t, map[string]string{annotations.PushTo: "*", annotations.TargetName: tc.name},
				namespace(t, "team-a")).world(t)
			w.Key.Kind, w.Settings.Reserved = tc.kind, sets.New("kube-root-ca.crt")
			p := plan.Make(w)
			if len(p.Verdicts) != 1 || p.Verdicts[0].State != tc.want || (len(p.Actions) > 0) != (tc.want == plan.Missing) {
				t.Errorf("verdicts %v, actions %v, want %s", p.Verdicts, actionsOf(p), tc.want)
			}
		})
	}
}

func TestPausedNamespaces(t *testing.T) {
	paused := func(m *metav1.ObjectMeta) { m.Annotations = map[string]string{annotations.Paused: "true"} }
	asks := informers.Occupant{Candidate: &informers.Candidate{
		Identity: informers.Identity{NamespacedName: name("team-a", "mine"), Version: 7},
		Claims:   &annotations.Claims{PullFrom: &annotations.Pull{From: key.NamespacedName}},
	}}
	t.Run("nothing is created or filled", func(t *testing.T) {
		w := activeWorld(t, map[string]string{annotations.PushTo: "*", annotations.PullBy: "*"},
			namespace(t, "team-a", paused))
		w.pulling = []informers.Occupant{asks}
		p := w.make(t)
		want := []plan.Verdict{
			{NamespacedName: name("team-a", "regcred"), State: plan.Paused},
			{NamespacedName: name("team-a", "mine"), State: plan.Paused, Pull: true},
		}
		if diff := cmp.Diff(want, p.Verdicts); diff != "" || len(p.Actions) > 0 {
			t.Errorf("actions %v, verdicts (-want +got):\n%s", actionsOf(p), diff)
		}
	})
	for _, phase := range []plan.Phase{plan.PhaseActive, plan.PhaseDeleted} {
		t.Run("nothing is removed while "+string(phase), func(t *testing.T) {
			w := activeWorld(t, map[string]string{annotations.PushTo: "other"}, namespace(t, "team-a", paused))
			w.phase, w.naming = phase, []*informers.Replica{replica("team-a")}
			w.attached = []*informers.ServiceAccount{{
				Identity: informers.Identity{NamespacedName: name("team-a", "default")},
				Attached: map[string]types.NamespacedName{"regcred": key.NamespacedName},
			}}
			if p := w.make(t); len(p.Actions) > 0 {
				t.Errorf("actions %v", actionsOf(p))
			}
		})
	}
}

// TestBrake has a case for each row of the table at Brake.
func TestBrake(t *testing.T) {
	enforced := plan.Brake{Enforced: true, Now: epoch, Grace: time.Minute, Name: "regcred", Replicas: 40}
	with := func(edit func(*plan.Brake)) plan.Brake {
		b := enforced
		edit(&b)
		return b
	}
	for title, tc := range map[string]struct {
		brake   plan.Brake
		orphans int
		braked  bool
	}{
		"the source's own removals":     {plan.Brake{Now: epoch, Grace: time.Minute, Replicas: 40}, 40, false},
		"no more than half":             {enforced, 20, false},
		"more than half":                {enforced, 21, true},
		"more than half, but few":       {with(func(b *plan.Brake) { b.Replicas = 20 }), 20, false},
		"half, with those before":       {with(func(b *plan.Brake) { b.Replicas, b.Removed = 20, 20 }), 1, true},
		"one more while the rest waits": {with(func(b *plan.Brake) { b.Since = epoch.Add(-time.Second) }), 1, true},
		"the wait is over":              {with(func(b *plan.Brake) { b.Since = epoch.Add(-time.Minute) }), 40, false},
		"no grace":                      {with(func(b *plan.Brake) { b.Grace = 0 }), 40, false},
	} {
		t.Run(title, func(t *testing.T) {
			var namespaces []*informers.Namespace
			var naming []*informers.Replica
			var attached []*informers.ServiceAccount
			for i := range tc.orphans {
				n := fmt.Sprintf("team-%02d", i)
				namespaces, naming = append(namespaces, namespace(t, n)), append(naming, replica(n))
				attached = append(attached, &informers.ServiceAccount{
					Identity: informers.Identity{NamespacedName: name(n, "default")},
					Attached: map[string]types.NamespacedName{"regcred": key.NamespacedName},
				})
			}
			active := activeWorld(t, map[string]string{annotations.PushTo: "other"}, namespaces...)
			active.naming, active.attached = naming, attached
			w := active.world(t)
			w.Brake = tc.brake
			p := plan.Make(w)
			wantActions, wantBraked := 2*tc.orphans, 0
			if tc.braked {
				wantActions, wantBraked = 0, tc.orphans
			}
			if len(p.Actions) != wantActions || len(p.Braked) != wantBraked {
				t.Errorf("%d actions and %d that wait, want %d and %d", len(p.Actions), len(p.Braked), wantActions, wantBraked)
			}
		})
	}
}

// TestBrakeAndForgeries: replicas that nothing but a forger can have made hold nothing back, and do not wait.
func TestBrakeAndForgeries(t *testing.T) {
	w := activeWorld(t, map[string]string{annotations.PushTo: "other"}, namespace(t, "tenant"), namespace(t, "team-a"))
	w.naming = []*informers.Replica{replica("team-a")}
	for i := range 100 {
		forged := replica("tenant")
		forged.Name = fmt.Sprintf("forged-%d", i)
		w.naming = append(w.naming, forged)
	}
	for title, tc := range map[string]struct {
		brake plan.Brake
		want  int
	}{
		"a removal is not held":                {plan.Brake{}, 0},
		"while a removal waits, they are gone": {plan.Brake{Since: epoch.Add(-time.Second)}, 1},
	} {
		t.Run(title, func(t *testing.T) {
			world := w.world(t)
			world.Brake = tc.brake
			world.Brake.Enforced, world.Brake.Now, world.Brake.Grace = true, epoch, time.Minute
			world.Brake.Name, world.Brake.Replicas = "regcred", 1
			if p := plan.Make(world); len(p.Braked) != tc.want || len(p.Actions) != 101-tc.want {
				t.Errorf("%d removals and %d that wait, want %d and %d", len(p.Actions), len(p.Braked), 101-tc.want, tc.want)
			}
		})
	}
}

func TestEvidence(t *testing.T) {
	accepts := func(m *metav1.ObjectMeta) { m.Annotations = map[string]string{annotations.AcceptFrom: "other"} }
	everywhere := map[string]string{annotations.PushTo: "*"}
	for title, tc := range map[string]struct {
		policy           map[string]string
		namespace        *informers.Namespace
		rules            *rules.Rules
		evident, byRules bool
	}{
		"the policy names it no more": {
			policy: map[string]string{annotations.PushTo: "other"}, namespace: namespace(t, "team-a"),
		},
		"its labels do not match": {
			policy: map[string]string{annotations.PushToSelector: "tier=web"}, namespace: namespace(t, "team-a"), evident: true,
		},
		"it does not accept a push": {policy: everywhere, namespace: namespace(t, "team-a", accepts), evident: true},
		"it is excluded": {
			policy:    map[string]string{annotations.PushTo: "*", annotations.Exclude: "team-a"},
			namespace: namespace(t, "team-a"),
		},
		"the rules bar it": {
			policy: everywhere, namespace: namespace(t, "team-a"), rules: parseRules("  []"), evident: true, byRules: true,
		},
	} {
		t.Run(title, func(t *testing.T) {
			w := activeWorld(t, tc.policy, tc.namespace)
			w.naming, w.rules = []*informers.Replica{replica("team-a")}, tc.rules
			p := w.make(t)
			if len(p.Actions) != 1 || p.Actions[0].Verb != plan.Delete {
				t.Fatalf("actions %+v, want a removal", p.Actions)
			}
			if a := p.Actions[0]; (a.Evidence != nil) != tc.evident || a.ByRules != tc.byRules {
				t.Errorf("evidence %+v, by rules: %t; want %t and %t", a.Evidence, a.ByRules, tc.evident, tc.byRules)
			}
		})
	}
}

// TestDetachByRules: what is detached since the source may not attach any more rests on the rules.
func TestDetachByRules(t *testing.T) {
	for title, tc := range map[string]struct {
		rules *rules.Rules
		want  bool
	}{
		"it may not attach":        {rules: pushOnly, want: true},
		"it may, and has no match": {},
	} {
		t.Run(title, func(t *testing.T) {
			c := rightsCase{rules: tc.rules, at: stands(inSync), attached: true}
			w := c.world(t)
			if !tc.want {
				w.accounts, w.source.Policy.AttachTo = nil, annotations.Patterns{}
			}
			var detach []plan.Action
			for _, a := range w.make(t).Actions {
				if a.Verb == plan.Detach {
					detach = append(detach, a)
				}
			}
			if len(detach) != 1 || detach[0].ByRules != tc.want {
				t.Errorf("detachments %+v, want one, by rules: %t", detach, tc.want)
			}
		})
	}
}
