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

// The reason is all that the owner of a place learns: it is compared word by word.
func TestPullerVerdicts(t *testing.T) {
	const occupant = "team-a"
	pulls := &annotations.Claims{PullFrom: &annotations.Pull{From: key.NamespacedName}}
	byReplicator := &annotations.Claims{
		PullFrom: &annotations.Pull{From: key.NamespacedName, Dialect: annotations.Replicator},
	}
	candidate := func(edit ...func(*informers.Candidate)) informers.Occupant {
		c := &informers.Candidate{
			Identity: informers.Identity{NamespacedName: name(occupant, "mine"), UID: "u", Version: 7},
			Claims:   pulls,
		}
		for _, e := range edit {
			e(c)
		}
		return informers.Occupant{Candidate: c}
	}
	filled := func(edit ...func(*informers.Replica)) informers.Occupant {
		r := replica(occupant, append([]func(*informers.Replica){pullSecret}, edit...)...)
		r.NamespacedName, r.Mode = name(occupant, "mine"), annotations.ReplicaPull
		if r.Claims == nil {
			r.Claims = pulls
		}
		return informers.Occupant{Replica: r}
	}
	of := func(d informers.Digest, c *annotations.Claims) func(*informers.Replica) {
		return func(r *informers.Replica) { r.Digest, r.Claims = d, c }
	}
	want := func(s plan.State, reason string) []plan.Verdict {
		return []plan.Verdict{{NamespacedName: name(occupant, "mine"), State: s, Pull: true, UID: "u", Reason: reason}}
	}
	for title, test := range map[string]struct {
		at        informers.Occupant
		by        string
		protected bool
		deleting  bool
		want      []plan.Verdict
		fills     int
	}{
		"not permitted": {
			at: candidate(), by: "other",
			want: want(plan.Forbidden, "the source does not permit pulling by this namespace"),
		},
		"in a protected namespace": {
			at: candidate(), protected: true, want: want(plan.Barred, "the namespace is protected"),
		},
		"not filled yet": {at: candidate(), want: want(plan.Missing, ""), fills: 1},
		"found to be unfit": {
			at: candidate(func(c *informers.Candidate) { c.Version = 9 }), want: want(plan.Mismatched, "of another type"),
		},
		"in sync":                     {at: filled(of(inSync, pulls)), want: want(plan.InSync, "")},
		"in sync, merged":             {at: filled(of(informers.Digest{3}, byReplicator)), want: want(plan.InSync, "")},
		"whole, and should be merged": {at: filled(of(inSync, byReplicator)), want: want(plan.Drifted, ""), fills: 1},
		"merged, and should be whole": {at: filled(of(informers.Digest{3}, pulls)), want: want(plan.Drifted, ""), fills: 1},
		"behind":                      {at: filled(of(old, pulls)), want: want(plan.Drifted, ""), fills: 1},
		"filled from another until now": {
			at:   filled(func(r *informers.Replica) { r.Source = name("other", "regcred") }),
			want: want(plan.Drifted, ""), fills: 1,
		},
		"of another type": {
			at:   filled(func(r *informers.Replica) { r.Digest, r.Type = old, "Opaque" }),
			want: want(plan.Mismatched, "its type is Opaque, the type of the source is kubernetes.io/dockerconfigjson"),
		},
		"immutable": {
			at:   filled(func(r *informers.Replica) { r.Digest, r.Immutable = old, true }),
			want: want(plan.Mismatched, "it is immutable"),
		},
		"on its way out":                {at: candidate(func(c *informers.Candidate) { c.Deleting = true })},
		"in a namespace on its way out": {at: candidate(), deleting: true},
		"with a mistake in its annotations": {
			at: candidate(func(c *informers.Candidate) {
				c.Claims = &annotations.Claims{PullFrom: pulls.PullFrom, Problems: []annotations.Problem{{Key: "k"}}}
			}),
		},
	} {
		t.Run(title, func(t *testing.T) {
			by := test.by
			if by == "" {
				by = "team-*"
			}
			w := activeWorld(t, map[string]string{annotations.PullBy: by},
				namespace(t, occupant, func(m *metav1.ObjectMeta) {
					if test.deleting {
						terminating(m)
					}
				}))
			w.source.PullKeys = informers.Digest{3}
			if test.protected {
				w.protected = occupant
			}
			w.incompatible = map[types.NamespacedName]plan.Incompatible{
				name(occupant, "mine"): {Version: 9, Reason: "of another type"},
			}
			w.pulling = []informers.Occupant{test.at}
			p := w.make(t)
			if diff := cmp.Diff(test.want, p.Verdicts, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
			if len(p.Actions) != test.fills || len(p.Undecided) > 0 {
				t.Errorf("actions %v, undecided %v", actionsOf(p), p.Undecided)
			}
		})
	}
}

func TestTargetVerdicts(t *testing.T) {
	push := map[string]string{annotations.PushTo: "team-*", annotations.AttachToServiceAccounts: "default"}
	of := func(edit ...func(*informers.Replica)) informers.Occupant {
		return informers.Occupant{Replica: replica("team-a", append([]func(*informers.Replica){pullSecret}, edit...)...)}
	}
	named := func(n types.NamespacedName) func(*informers.Replica) {
		return func(r *informers.Replica) { r.Source = n }
	}
	candidate := func(claims *annotations.Claims, deleting bool) informers.Occupant {
		id := informers.Identity{NamespacedName: name("team-a", "regcred"), Version: 7, Deleting: deleting}
		return informers.Occupant{Candidate: &informers.Candidate{Identity: id, Claims: claims}}
	}
	senior := func(namespace string, a map[string]string) []competitor {
		return []competitor{{
			Identity: informers.Identity{NamespacedName: name(namespace, "regcred"), Created: epoch.Add(-time.Hour)},
			Policy:   policy(t, a),
		}}
	}
	const none = "the object is not a replica of this source"
	for title, test := range map[string]struct {
		at        informers.Occupant
		competing []competitor
		state     plan.State
		reason    string
		verbs     []plan.Verb
	}{
		"a free place": {state: plan.Missing, verbs: []plan.Verb{plan.Create, plan.Attach}},
		"a senior source": {
			competing: senior("older", map[string]string{annotations.PushTo: "team-*"}), state: plan.Conflict,
			reason: "the source older/regcred is older and selects the same target",
		},
		"a senior source that does not reach it": {
			competing: senior("older", map[string]string{annotations.PushTo: "other"}), state: plan.Missing,
			verbs: []plan.Verb{plan.Create, plan.Attach},
		},
		"a senior source that lives there": {
			competing: senior("team-a", map[string]string{annotations.PushTo: "team-*"}), state: plan.Missing,
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
			at: of(named(name("other", "regcred"))), state: plan.Conflict,
			reason: "the existing object is a replica of other/regcred",
		},
		"one of another name's": {
			at: of(named(name("infra", "other"))), state: plan.Conflict,
			reason: "the existing object is a replica of infra/other",
		},
		"a replica of nothing": {at: of(named(types.NamespacedName{})), state: plan.Occupied, reason: none},
		"a replica of another mode": {
			at: of(named(name("other", "regcred")), func(r *informers.Replica) { r.Mode = "x" }), state: plan.Occupied,
			reason: none,
		},
		"a peer's copy": {
			at: candidate(&annotations.Claims{Mirror: &key.NamespacedName}, false), state: plan.Drifted,
			reason: "made by another controller from this source", verbs: []plan.Verb{plan.Adopt},
		},
		"a peer's copy on its way out": {
			at: candidate(&annotations.Claims{Mirror: &key.NamespacedName}, true), state: plan.Occupied, reason: none,
		},
		"a peer's copy that is a source": {
			at:    candidate(&annotations.Claims{Mirror: &key.NamespacedName, Policy: policy(t, push)}, false),
			state: plan.Occupied, reason: none,
		},
		"a peer's copy that pulls from elsewhere": {
			at: candidate(&annotations.Claims{
				Mirror: &key.NamespacedName, PullFrom: &annotations.Pull{From: name("other", "regcred")},
			}, false),
			state: plan.Occupied, reason: none,
		},
	} {
		t.Run(title, func(t *testing.T) {
			w := activeWorld(t, push, namespace(t, "team-a"))
			w.occupants[0], w.competitors = test.at, test.competing
			w.accounts = []*informers.ServiceAccount{{Identity: informers.Identity{NamespacedName: name("team-a", "default")}}}
			p := w.make(t)
			want := []plan.Verdict{{NamespacedName: name("team-a", "regcred"), State: test.state, Reason: test.reason}}
			if diff := cmp.Diff(want, p.Verdicts); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
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

// TestFormerTargetName: a replica of a former target name is deleted.
func TestFormerTargetName(t *testing.T) {
	w := activeWorld(t, map[string]string{annotations.PushTo: "team-*"}, namespace(t, "team-a"))
	former := replica("team-a")
	former.NamespacedName = name("team-a", "former")
	w.naming = []*informers.Replica{former}
	want := []action{{plan.Delete, former.NamespacedName}, {plan.Create, name("team-a", "regcred")}}
	if diff := cmp.Diff(want, actionsOf(w.make(t))); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
}

// Where the object itself asks for the content, nothing is pushed, and the ServiceAccounts name it all the same.
func TestPullerAtTargetIsServed(t *testing.T) {
	w := activeWorld(t, map[string]string{annotations.PushTo: "team-*", annotations.AttachToServiceAccounts: "default"},
		namespace(t, "team-a"))
	w.occupants[0].Candidate = &informers.Candidate{
		Identity: informers.Identity{NamespacedName: name("team-a", "regcred"), Version: 7},
		Claims:   &annotations.Claims{PullFrom: &annotations.Pull{From: key.NamespacedName}},
	}
	w.accounts = []*informers.ServiceAccount{{Identity: informers.Identity{NamespacedName: name("team-a", "default")}}}
	p := w.make(t)
	want := []action{{plan.Attach, name("team-a", "default")}}
	if diff := cmp.Diff(want, actionsOf(p)); diff != "" || len(p.Verdicts) != 0 {
		t.Errorf("verdicts %v, actions (-want +got):\n%s", p.Verdicts, diff)
	}
}
