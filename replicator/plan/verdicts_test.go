package plan_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// What is told of a place is all that its owner learns: it is compared word by word.
func TestWhatIsToldOfObjectsThatPull(t *testing.T) {
	const occupant = "team-a"
	pulls := &annotations.Claims{PullFrom: &annotations.Pull{From: key.NamespacedName}}
	byReplicator := &annotations.Claims{PullFrom: &annotations.Pull{From: key.NamespacedName, Dialect: annotations.Replicator}}
	candidate := func(edit ...func(*informers.Candidate)) informers.Standing {
		c := &informers.Candidate{Identity: informers.Identity{NamespacedName: name(occupant, "mine"), Version: 7}, Claims: pulls}
		for _, e := range edit {
			e(c)
		}
		return informers.Standing{Candidate: c}
	}
	filled := func(edit ...func(*informers.Replica)) informers.Standing {
		r := replica(occupant, append([]func(*informers.Replica){pullSecret}, edit...)...)
		r.NamespacedName, r.Mode = name(occupant, "mine"), annotations.ReplicaPull
		if r.Claims == nil {
			r.Claims = pulls
		}
		return informers.Standing{Replica: r}
	}
	of := func(d informers.Digest, c *annotations.Claims) func(*informers.Replica) {
		return func(r *informers.Replica) { r.Digest, r.Claims = d, c }
	}
	tells := func(s plan.State, reason string) []plan.Verdict {
		return []plan.Verdict{{NamespacedName: name(occupant, "mine"), State: s, Pull: true, Reason: reason}}
	}
	for title, test := range map[string]struct {
		at        informers.Standing
		by        string
		protected bool
		deleting  bool
		want      []plan.Verdict
		fills     int
	}{
		"not permitted": {
			at: candidate(), by: "other",
			want: tells(plan.Forbidden, "the source does not permit pulling by this namespace"),
		},
		"in a protected namespace": {
			at: candidate(), protected: true, want: tells(plan.Barred, "the namespace is protected"),
		},
		"not filled yet": {at: candidate(), want: tells(plan.Missing, ""), fills: 1},
		"found to be unfit": {
			at: candidate(func(c *informers.Candidate) { c.Version = 9 }), want: tells(plan.Mismatched, "of another type"),
		},
		"in sync":                     {at: filled(of(inSync, pulls)), want: tells(plan.InSync, "")},
		"in sync, merged":             {at: filled(of(informers.Digest{3}, byReplicator)), want: tells(plan.InSync, "")},
		"whole, and should be merged": {at: filled(of(inSync, byReplicator)), want: tells(plan.Drifted, ""), fills: 1},
		"merged, and should be whole": {at: filled(of(informers.Digest{3}, pulls)), want: tells(plan.Drifted, ""), fills: 1},
		"behind":                      {at: filled(of(old, pulls)), want: tells(plan.Drifted, ""), fills: 1},
		"filled from another until now": {
			at:   filled(func(r *informers.Replica) { r.Source = name("other", "regcred") }),
			want: tells(plan.Drifted, ""), fills: 1,
		},
		"of another type": {
			at:   filled(func(r *informers.Replica) { r.Digest, r.Type = old, "Opaque" }),
			want: tells(plan.Mismatched, "its type is Opaque, the source's is kubernetes.io/dockerconfigjson"),
		},
		"immutable": {
			at:   filled(func(r *informers.Replica) { r.Digest, r.Immutable = old, true }),
			want: tells(plan.Mismatched, "it is immutable and cannot follow"),
		},
		"on its way out":                {at: candidate(func(c *informers.Candidate) { c.Deleting = true })},
		"in a namespace on its way out": {at: candidate(), deleting: true},
		"with a mistake in its annotations": {
			at: candidate(func(c *informers.Candidate) {
				c.Claims = &annotations.Claims{PullFrom: pulls.PullFrom, Problems: []annotations.Problem{{Key: "k"}}}
			}),
		},
		"gone": {at: informers.Standing{}},
	} {
		t.Run(title, func(t *testing.T) {
			by := test.by
			if by == "" {
				by = "team-*"
			}
			w := activeWorld(t, map[string]string{annotations.PullBy: by},
				namespace(t, occupant, func(m *metav1.ObjectMeta) {
					if test.deleting {
						now := metav1.Now()
						m.DeletionTimestamp = &now
					}
				}))
			w.Source.PullKeys = informers.Digest{3}
			w.Protected = func(string) bool { return test.protected }
			w.Unfit = map[types.NamespacedName]plan.Unfit{name(occupant, "mine"): {Version: 9, Reason: "of another type"}}
			w.Pullers = []informers.Standing{test.at}
			p := plan.Make(w)
			if diff := cmp.Diff(test.want, p.Verdicts, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if len(p.Actions) != test.fills || p.Behind {
				t.Errorf("actions %v, behind %t", actionsOf(p), p.Behind)
			}
		})
	}
}

func TestWhatIsToldOfTargetsAndWhoIsServed(t *testing.T) {
	push := map[string]string{annotations.PushTo: "team-*", annotations.AttachToServiceAccounts: "default"}
	of := func(edit ...func(*informers.Replica)) informers.Standing {
		return informers.Standing{Replica: replica("team-a", append([]func(*informers.Replica){pullSecret}, edit...)...)}
	}
	named := func(n types.NamespacedName) func(*informers.Replica) {
		return func(r *informers.Replica) { r.Source = n }
	}
	standing := func(claims *annotations.Claims, deleting bool) informers.Standing {
		id := informers.Identity{NamespacedName: name("team-a", "regcred"), Version: 7, Deleting: deleting}
		return informers.Standing{Candidate: &informers.Candidate{Identity: id, Claims: claims}}
	}
	rival := func(namespace string, a map[string]string) []plan.Rival {
		return []plan.Rival{{
			Identity: informers.Identity{NamespacedName: name(namespace, "regcred"), Created: epoch.Add(-time.Hour)},
			Policy:   policy(t, a),
		}}
	}
	const none = "an object that is no replica of this source stands there"
	for title, test := range map[string]struct {
		at     informers.Standing
		rivals []plan.Rival
		state  plan.State
		reason string
		verbs  []plan.Verb
	}{
		"a free place": {state: plan.Missing, verbs: []plan.Verb{plan.Create, plan.Attach}},
		"a rival": {
			rivals: rival("older", map[string]string{annotations.PushTo: "team-*"}), state: plan.Conflict,
			reason: "the older source older/regcred wants the same name",
		},
		"a rival that does not reach it": {
			rivals: rival("older", map[string]string{annotations.PushTo: "other"}), state: plan.Missing,
			verbs: []plan.Verb{plan.Create, plan.Attach},
		},
		"a rival that lives there": {
			rivals: rival("team-a", map[string]string{annotations.PushTo: "team-*"}), state: plan.Missing,
			verbs: []plan.Verb{plan.Create, plan.Attach},
		},
		"in sync": {at: of(), state: plan.InSync, verbs: []plan.Verb{plan.Attach}},
		"in sync, on its way out": {
			at: of(func(r *informers.Replica) { r.Deleting = true }), state: plan.Drifted, verbs: []plan.Verb{plan.Attach},
		},
		"behind": {
			at:    of(func(r *informers.Replica) { r.Digest = old }),
			state: plan.Drifted, verbs: []plan.Verb{plan.Update, plan.Attach},
		},
		"another source's": {
			at: of(named(name("other", "regcred"))), state: plan.Conflict, reason: "it is a replica of other/regcred",
		},
		"one of another name's": {
			at: of(named(name("infra", "other"))), state: plan.Conflict, reason: "it is a replica of infra/other",
		},
		"a replica of nothing": {at: of(named(types.NamespacedName{})), state: plan.Occupied, reason: none},
		"a replica of another mode": {
			at: of(named(name("other", "regcred")), func(r *informers.Replica) { r.Mode = "x" }), state: plan.Occupied,
			reason: none,
		},
		"a peer's copy": {
			at: standing(&annotations.Claims{Mirror: &key.NamespacedName}, false), state: plan.Drifted,
			reason: "made by another controller from this source", verbs: []plan.Verb{plan.Adopt},
		},
		"a peer's copy on its way out": {
			at: standing(&annotations.Claims{Mirror: &key.NamespacedName}, true), state: plan.Occupied, reason: none,
		},
		"a peer's copy that is a source": {
			at:    standing(&annotations.Claims{Mirror: &key.NamespacedName, Policy: policy(t, push)}, false),
			state: plan.Occupied, reason: none,
		},
		"a peer's copy that pulls from elsewhere": {
			at: standing(&annotations.Claims{
				Mirror: &key.NamespacedName, PullFrom: &annotations.Pull{From: name("other", "regcred")},
			}, false),
			state: plan.Occupied, reason: none,
		},
	} {
		t.Run(title, func(t *testing.T) {
			w := activeWorld(t, push, namespace(t, "team-a"))
			w.Places[0], w.Rivals = test.at, test.rivals
			w.Accounts = func(string) []*informers.ServiceAccount {
				return []*informers.ServiceAccount{{Identity: informers.Identity{NamespacedName: name("team-a", "default")}}}
			}
			p := plan.Make(w)
			want := []plan.Verdict{{NamespacedName: name("team-a", "regcred"), State: test.state, Reason: test.reason}}
			if diff := cmp.Diff(want, p.Verdicts); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			var verbs []plan.Verb
			for _, a := range p.Actions {
				verbs = append(verbs, a.Verb)
			}
			if diff := cmp.Diff(test.verbs, verbs); diff != "" {
				t.Errorf("verbs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReplicaOfAnotherNameInAWantedNamespaceIsRemoved(t *testing.T) {
	w := activeWorld(t, map[string]string{annotations.PushTo: "team-*"}, namespace(t, "team-a"))
	former := replica("team-a")
	former.NamespacedName = name("team-a", "former")
	w.Replicas = []*informers.Replica{former}
	want := []action{{plan.Delete, former.NamespacedName}, {plan.Create, name("team-a", "regcred")}}
	if diff := cmp.Diff(want, actionsOf(plan.Make(w))); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
}

// Where the object itself asks for the content, nothing is pushed, and the ServiceAccounts name it all the same.
func TestObjectThatAsksForTheSameContentIsServed(t *testing.T) {
	w := activeWorld(t, map[string]string{annotations.PushTo: "team-*", annotations.AttachToServiceAccounts: "default"},
		namespace(t, "team-a"))
	w.Places[0].Candidate = &informers.Candidate{
		Identity: informers.Identity{NamespacedName: name("team-a", "regcred"), Version: 7},
		Claims:   &annotations.Claims{PullFrom: &annotations.Pull{From: key.NamespacedName}},
	}
	w.Accounts = func(string) []*informers.ServiceAccount {
		return []*informers.ServiceAccount{{Identity: informers.Identity{NamespacedName: name("team-a", "default")}}}
	}
	p := plan.Make(w)
	want := []action{{plan.Attach, name("team-a", "default")}}
	if diff := cmp.Diff(want, actionsOf(p)); diff != "" || len(p.Verdicts) != 0 {
		t.Errorf("told %v, actions (-want +got):\n%s", p.Verdicts, diff)
	}
}
