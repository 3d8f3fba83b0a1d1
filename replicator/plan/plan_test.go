package plan_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

func TestPlan(t *testing.T) {
	accept := func(from string) func(*metav1.ObjectMeta) {
		return func(m *metav1.ObjectMeta) { m.Annotations = map[string]string{annotations.AcceptFrom: from} }
	}
	push := map[string]string{annotations.PushTo: "team-*"}
	pull := map[string]string{annotations.PullBy: "team-*"}
	stands := func(r *informers.Replica) informers.Occupant { return informers.Occupant{Replica: r} }
	stranger := informers.Occupant{Candidate: &informers.Candidate{
		Identity: informers.Identity{NamespacedName: name("team-a", "regcred")},
	}}
	mirror := func(of types.NamespacedName) informers.Occupant {
		return informers.Occupant{Candidate: &informers.Candidate{
			Identity: informers.Identity{NamespacedName: name("team-a", "regcred")},
			Claims:   &annotations.Claims{Mirror: &of},
		}}
	}
	asks := informers.Occupant{Candidate: &informers.Candidate{
		Identity: informers.Identity{NamespacedName: name("team-a", "regcred"), Version: 7},
		Claims:   &annotations.Claims{PullFrom: &annotations.Pull{From: key.NamespacedName}},
	}}
	pushedByReplicator := informers.Occupant{Candidate: &informers.Candidate{
		Identity: informers.Identity{NamespacedName: name("team-a", "regcred"), Version: 7},
		Claims:   &annotations.Claims{PushedVersion: "3"},
	}}
	incompatible := func(version informers.Version) map[types.NamespacedName]plan.Incompatible {
		return map[types.NamespacedName]plan.Incompatible{
			name("team-a", "regcred"): {Version: version, Reason: "of another type"},
		}
	}
	puller := func(edit ...func(*informers.Replica)) informers.Occupant {
		r := replica("team-a", edit...)
		r.Mode, r.Claims = annotations.ReplicaPull, &annotations.Claims{PullFrom: &annotations.Pull{From: key.NamespacedName}}
		return stands(r)
	}
	stripped := func(edit ...func(*informers.Replica)) informers.Occupant {
		r := replica("team-a", edit...)
		r.Digest, r.Type = informers.Digest{}, ""
		return informers.Occupant{Candidate: &informers.Candidate{Identity: r.Identity, Stripped: r}}
	}
	unmanaged := func(r *informers.Replica) { r.Mode = "" }
	tests := map[string]struct {
		phase     plan.Phase
		policy    map[string]string
		namespace *informers.Namespace
		at        informers.Occupant
		naming    []*informers.Replica
		pullers   []informers.Occupant
		competing []competitor
		protected string
		incompat  map[types.NamespacedName]plan.Incompatible
		want      []action
		wantState plan.State
		undecided bool
	}{
		"a free place gets a replica": {
			policy: push, want: []action{{plan.Create, name("team-a", "regcred")}}, wantState: plan.Missing,
		},
		"a namespace that does not match gets none": {
			policy: map[string]string{annotations.PushTo: "other"},
		},
		"a terminating namespace gets none": {
			policy: push, namespace: namespace(t, "team-a", terminating), wantState: plan.Terminating,
		},
		"a protected namespace gets none": {policy: push, protected: "team-a", wantState: plan.Barred},
		"a namespace that accepts from elsewhere only gets none": {
			policy: push, namespace: namespace(t, "team-a", accept("payments")), wantState: plan.Barred,
		},
		"a namespace that accepts from the source's gets one": {
			policy: push, namespace: namespace(t, "team-a", accept("inf*")),
			want: []action{{plan.Create, name("team-a", "regcred")}}, wantState: plan.Missing,
		},
		"a namespace whose consent can't be read is left as it is": {
			policy: push, namespace: namespace(t, "team-a", accept("^infra$")),
			at: stands(replica("team-a")), naming: []*informers.Replica{replica("team-a")}, wantState: plan.Unreadable,
		},
		"a replica in sync is left alone": {
			policy: push, at: stands(replica("team-a")), wantState: plan.InSync,
		},
		"a replica that differs is updated": {
			policy: push, at: stands(replica("team-a", func(r *informers.Replica) { r.Digest = old })),
			want: []action{{plan.Update, name("team-a", "regcred")}}, wantState: plan.Drifted,
		},
		"a replica of another type is made again": {
			policy: push,
			at: stands(replica("team-a", func(r *informers.Replica) {
				r.Digest, r.Type = old, "kubernetes.io/tls"
			})),
			want: []action{{plan.Recreate, name("team-a", "regcred")}}, wantState: plan.Drifted,
		},
		"an immutable replica that must change is made again": {
			policy: push,
			at: stands(replica("team-a", func(r *informers.Replica) {
				r.Digest, r.Immutable = old, true
			})),
			want: []action{{plan.Recreate, name("team-a", "regcred")}}, wantState: plan.Drifted,
		},
		"a replica whose label was taken off is put back": {
			policy: push, at: stripped(),
			want: []action{{plan.Update, name("team-a", "regcred")}}, wantState: plan.Drifted,
		},
		"a replica whose labels were all taken off is put back": {
			policy: push, at: stripped(unmanaged),
			want: []action{{plan.Update, name("team-a", "regcred")}}, wantState: plan.Drifted,
		},
		"a replica whose label was taken off waits where it is being deleted": {
			policy: push, at: stripped(func(r *informers.Replica) { r.Deleting = true }), wantState: plan.Drifted,
		},
		"another source's replica whose label was taken off is left untouched": {
			policy: push, at: stripped(func(r *informers.Replica) { r.Source = name("other", "regcred") }),
			wantState: plan.Occupied,
		},
		"a replica without its labels that nobody wants may be its owner's": {
			phase: plan.PhaseDeleted, naming: []*informers.Replica{replica("team-a", unmanaged)},
		},
		"a stranger is left untouched": {policy: push, at: stranger, wantState: plan.Occupied},
		"another source's replica is left untouched": {
			policy: push,
			at: stands(replica("team-a", func(r *informers.Replica) {
				r.Source = name("other", "regcred")
			})),
			wantState: plan.Conflict,
		},
		"what Reflector made of this source is adopted": {
			policy: push, at: mirror(key.NamespacedName),
			want: []action{{plan.Adopt, name("team-a", "regcred")}}, wantState: plan.Drifted,
		},
		"what Reflector made of another source is left untouched": {
			policy: push, at: mirror(name("other", "regcred")), wantState: plan.Occupied,
		},
		"what kubernetes-replicator may have made of this source is tried": {
			policy: push, at: pushedByReplicator,
			want: []action{{plan.Adopt, name("team-a", "regcred")}}, wantState: plan.Drifted,
		},
		"it is left untouched once it was found to be none of its copies": {
			policy: push, at: pushedByReplicator, incompat: incompatible(7), wantState: plan.Occupied,
		},
		"it is tried again when it has changed": {
			policy: push, at: pushedByReplicator, incompat: incompatible(6),
			want: []action{{plan.Adopt, name("team-a", "regcred")}}, wantState: plan.Drifted,
		},
		"an object that asks to be filled is left alone once it was found to be unfit": {
			policy: pull, pullers: []informers.Occupant{asks}, incompat: incompatible(7), wantState: plan.Mismatched,
		},
		"it is filled when it has changed": {
			policy: pull, pullers: []informers.Occupant{asks}, incompat: incompatible(6),
			want: []action{{plan.Fill, name("team-a", "regcred")}}, wantState: plan.Missing,
		},
		"an older source has the better right to a free place": {
			policy: push, competing: []competitor{{
				Identity: informers.Identity{NamespacedName: name("other", "regcred"), Created: epoch.Add(-time.Hour)},
				Policy:   policy(t, push),
			}}, wantState: plan.Conflict,
		},
		"a younger one has not": {
			policy: push, competing: []competitor{{
				Identity: informers.Identity{NamespacedName: name("other", "regcred"), Created: epoch.Add(time.Hour)},
				Policy:   policy(t, push),
			}}, want: []action{{plan.Create, name("team-a", "regcred")}}, wantState: plan.Missing,
		},
		"a replica where none is wanted is removed": {
			policy:    map[string]string{annotations.PushTo: "other"},
			naming:    []*informers.Replica{replica("team-a")},
			want:      []action{{plan.Delete, name("team-a", "regcred")}},
			wantState: plan.Orphaned,
		},
		"a source that names itself is not removed": {
			policy: push, at: stands(replica("team-a")),
			naming: []*informers.Replica{replica("infra")}, wantState: plan.InSync,
		},
		"while a source is held nothing is removed": {
			phase: plan.PhaseFrozen, naming: []*informers.Replica{replica("team-a")},
		},
		"once it has ended its replicas are removed": {
			phase: plan.PhaseDeleted, naming: []*informers.Replica{replica("team-a")},
			want: []action{{plan.Delete, name("team-a", "regcred")}}, wantState: plan.Orphaned,
		},
		"an object that pulls is never removed": {
			phase: plan.PhaseDeleted, naming: []*informers.Replica{puller().Replica},
		},
		"an object that pulls is filled where the policy permits": {
			policy:  pull,
			pullers: []informers.Occupant{puller(func(r *informers.Replica) { r.Digest = old })},
			want:    []action{{plan.Fill, name("team-a", "regcred")}}, wantState: plan.Drifted,
		},
		"it is not where the policy does not": {
			policy:  map[string]string{annotations.PullBy: "other"},
			pullers: []informers.Occupant{puller(func(r *informers.Replica) { r.Digest = old })}, wantState: plan.Forbidden,
		},
		"it is looked at again where its namespace is not known yet": {
			policy: map[string]string{annotations.PullBy: "other"},
			pullers: []informers.Occupant{puller(func(r *informers.Replica) {
				r.NamespacedName = name("elsewhere", "regcred")
			})}, undecided: true,
		},
		"a replica that nobody wants is looked at again where its namespace is not known yet": {
			phase: plan.PhaseDeleted, naming: []*informers.Replica{replica("elsewhere")}, undecided: true,
		},
		"it is left alone where its type differs": {
			policy: pull,
			pullers: []informers.Occupant{puller(func(r *informers.Replica) {
				r.Digest, r.Type = old, "kubernetes.io/tls"
			})}, wantState: plan.Mismatched,
		},
	}
	for title, tc := range tests {
		t.Run(title, func(t *testing.T) {
			ns := tc.namespace
			if ns == nil {
				ns = namespace(t, "team-a")
			}
			w := &world{
				phase: tc.phase, naming: tc.naming, pulling: tc.pullers, competitors: tc.competing,
				namespaces: []*informers.Namespace{namespace(t, "infra"), ns},
				occupants:  []informers.Occupant{{}, tc.at}, protected: tc.protected, incompatible: tc.incompat,
			}
			if tc.phase == "" {
				w.phase = plan.PhaseActive
				w.source = plan.Source{
					Identity: informers.Identity{NamespacedName: key.NamespacedName, Created: epoch}, Type: "Opaque",
					Policy: policy(t, tc.policy), Push: inSync, Pull: inSync, PullKeys: inSync,
				}
			}
			p := w.make(t)
			if (len(p.Undecided) > 0) != tc.undecided {
				t.Errorf("undecided: %v", p.Undecided)
			}
			if diff := cmp.Diff(tc.want, actionsOf(p)); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			var state plan.State
			if len(p.Verdicts) > 0 {
				state = p.Verdicts[0].State
			}
			if state != tc.wantState || len(p.Verdicts) > 1 {
				t.Errorf("verdicts %v, want one, %q", p.Verdicts, tc.wantState)
			}
		})
	}
}
