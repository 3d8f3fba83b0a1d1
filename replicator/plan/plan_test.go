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

var (
	key    = informers.Key{Kind: annotations.Secret, NamespacedName: name("infra", "regcred")}
	inSync = informers.Digest{1}
	old    = informers.Digest{2}
	epoch  = time.Unix(1_700_000_000, 0)
)

func name(namespace, n string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: n}
}

func policy(t *testing.T, a map[string]string) *annotations.Policy {
	t.Helper()
	claims := annotations.Parse(key.Namespace, key.Name, a)
	if claims.Policy == nil || len(claims.Problems) > 0 {
		t.Fatalf("not a policy: %v", claims.Problems)
	}
	return claims.Policy
}

func namespace(t *testing.T, n string, edit ...func(*metav1.ObjectMeta)) *informers.Namespace {
	t.Helper()
	m := &metav1.ObjectMeta{Name: n, ResourceVersion: "1", CreationTimestamp: metav1.NewTime(epoch)}
	for _, e := range edit {
		e(m)
	}
	ns, err := informers.NewNamespace(m)
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

func replica(namespace string, edit ...func(*informers.Replica)) *informers.Replica {
	r := &informers.Replica{
		Identity: informers.Identity{NamespacedName: name(namespace, "regcred"), UID: "u", Version: 7},
		Mode:     annotations.ReplicaPush, Source: key.NamespacedName, Digest: inSync, Type: "Opaque",
	}
	for _, e := range edit {
		e(r)
	}
	return r
}

// action is what a test compares of an action.
type action struct {
	Verb   plan.Verb
	Target types.NamespacedName
}

func TestPlan(t *testing.T) {
	terminating := func(m *metav1.ObjectMeta) { now := metav1.Now(); m.DeletionTimestamp = &now }
	accept := func(from string) func(*metav1.ObjectMeta) {
		return func(m *metav1.ObjectMeta) { m.Annotations = map[string]string{annotations.AcceptFrom: from} }
	}
	push := map[string]string{annotations.PushTo: "team-*"}
	pull := map[string]string{annotations.PullBy: "team-*"}
	stands := func(r *informers.Replica) informers.Standing { return informers.Standing{Replica: r} }
	stranger := informers.Standing{Candidate: &informers.Candidate{
		Identity: informers.Identity{NamespacedName: name("team-a", "regcred")},
	}}
	mirror := func(of types.NamespacedName) informers.Standing {
		return informers.Standing{Candidate: &informers.Candidate{
			Identity: informers.Identity{NamespacedName: name("team-a", "regcred")},
			Claims:   &annotations.Claims{Mirror: &of},
		}}
	}
	asks := informers.Standing{Candidate: &informers.Candidate{
		Identity: informers.Identity{NamespacedName: name("team-a", "regcred"), Version: 7},
		Claims:   &annotations.Claims{PullFrom: &annotations.Pull{From: key.NamespacedName}},
	}}
	pushedByReplicator := informers.Standing{Candidate: &informers.Candidate{
		Identity: informers.Identity{NamespacedName: name("team-a", "regcred"), Version: 7},
		Claims:   &annotations.Claims{PushedVersion: "3"},
	}}
	unfit := func(version informers.Version) map[types.NamespacedName]plan.Unfit {
		return map[types.NamespacedName]plan.Unfit{name("team-a", "regcred"): {Version: version, Reason: "of another type"}}
	}
	puller := func(edit ...func(*informers.Replica)) informers.Standing {
		r := replica("team-a", edit...)
		r.Mode, r.Claims = annotations.ReplicaPull, &annotations.Claims{PullFrom: &annotations.Pull{From: key.NamespacedName}}
		return stands(r)
	}
	tests := map[string]struct {
		life       plan.Life
		policy     map[string]string
		namespace  *informers.Namespace
		at         informers.Standing
		naming     []*informers.Replica
		pullers    []informers.Standing
		rivals     []plan.Rival
		protected  string
		unfit      map[types.NamespacedName]plan.Unfit
		want       []action
		wantState  plan.State
		wantBehind bool
	}{
		"a free place gets a replica": {
			policy: push, want: []action{{plan.Create, name("team-a", "regcred")}}, wantState: plan.Missing,
		},
		"a namespace that does not match gets none": {
			policy: map[string]string{annotations.PushTo: "other"},
		},
		"a terminating namespace gets none": {
			policy: push, namespace: namespace(t, "team-a", terminating), wantState: plan.Ending,
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
			policy: push, at: pushedByReplicator, unfit: unfit(7), wantState: plan.Occupied,
		},
		"it is tried again when it has changed": {
			policy: push, at: pushedByReplicator, unfit: unfit(6),
			want: []action{{plan.Adopt, name("team-a", "regcred")}}, wantState: plan.Drifted,
		},
		"an object that asks to be filled is left alone once it was found to be unfit": {
			policy: pull, pullers: []informers.Standing{asks}, unfit: unfit(7), wantState: plan.Mismatched,
		},
		"it is filled when it has changed": {
			policy: pull, pullers: []informers.Standing{asks}, unfit: unfit(6),
			want: []action{{plan.Fill, name("team-a", "regcred")}}, wantState: plan.Missing,
		},
		"an older source has the better right to a free place": {
			policy: push, rivals: []plan.Rival{{
				Identity: informers.Identity{NamespacedName: name("other", "regcred"), Created: epoch.Add(-time.Hour)},
				Policy:   policy(t, push),
			}}, wantState: plan.Conflict,
		},
		"a younger one has not": {
			policy: push, rivals: []plan.Rival{{
				Identity: informers.Identity{NamespacedName: name("other", "regcred"), Created: epoch.Add(time.Hour)},
				Policy:   policy(t, push),
			}}, want: []action{{plan.Create, name("team-a", "regcred")}}, wantState: plan.Missing,
		},
		"a replica where none is wanted is removed": {
			policy:    map[string]string{annotations.PushTo: "other"},
			naming:    []*informers.Replica{replica("team-a")},
			want:      []action{{plan.Delete, name("team-a", "regcred")}},
			wantState: plan.Surplus,
		},
		"a source that names itself is not removed": {
			policy: push, at: stands(replica("team-a")),
			naming: []*informers.Replica{replica("infra")}, wantState: plan.InSync,
		},
		"while a source is held nothing is removed": {
			life: plan.Held, naming: []*informers.Replica{replica("team-a")},
		},
		"once it has ended its replicas are removed": {
			life: plan.Ended, naming: []*informers.Replica{replica("team-a")},
			want: []action{{plan.Delete, name("team-a", "regcred")}}, wantState: plan.Surplus,
		},
		"an object that pulls is never removed": {
			life: plan.Ended, naming: []*informers.Replica{puller().Replica},
		},
		"an object that pulls is filled where the policy permits": {
			policy:  pull,
			pullers: []informers.Standing{puller(func(r *informers.Replica) { r.Digest = old })},
			want:    []action{{plan.Fill, name("team-a", "regcred")}}, wantState: plan.Drifted,
		},
		"it is not where the policy does not": {
			policy:  map[string]string{annotations.PullBy: "other"},
			pullers: []informers.Standing{puller(func(r *informers.Replica) { r.Digest = old })}, wantState: plan.Forbidden,
		},
		"it is looked at again where its namespace is not known yet": {
			policy: map[string]string{annotations.PullBy: "other"},
			pullers: []informers.Standing{puller(func(r *informers.Replica) {
				r.NamespacedName = name("elsewhere", "regcred")
			})}, wantBehind: true,
		},
		"a replica that nobody wants is looked at again where its namespace is not known yet": {
			life: plan.Ended, naming: []*informers.Replica{replica("elsewhere")}, wantBehind: true,
		},
		"it is left alone where its type differs": {
			policy: pull,
			pullers: []informers.Standing{puller(func(r *informers.Replica) {
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
			w := &plan.World{
				Key: key, Life: tc.life, Replicas: tc.naming, Pullers: tc.pullers, Rivals: tc.rivals,
				Namespaces: []*informers.Namespace{namespace(t, "infra"), ns},
				Places:     []informers.Standing{{}, tc.at},
				Accounts:   func(string) []*informers.ServiceAccount { return nil },
				Protected:  func(n string) bool { return n == tc.protected },
				Unfit:      tc.unfit,
			}
			if tc.life == plan.Active {
				w.Source = plan.Source{
					Identity: informers.Identity{NamespacedName: key.NamespacedName, Created: epoch}, Type: "Opaque",
					Policy: policy(t, tc.policy), Push: inSync, Pull: inSync, PullKeys: inSync,
				}
			}
			p := plan.Make(w)
			if p.Behind != tc.wantBehind {
				t.Errorf("it is behind: %t", p.Behind)
			}
			var got []action
			for _, a := range p.Actions {
				got = append(got, action{a.Verb, a.Target})
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
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
