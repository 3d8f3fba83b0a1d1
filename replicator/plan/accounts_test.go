package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

func TestServiceAccounts(t *testing.T) {
	account := func(edit ...func(*informers.ServiceAccount)) *informers.ServiceAccount {
		sa := &informers.ServiceAccount{Identity: informers.Identity{NamespacedName: name("team-a", "default"), Version: 3}}
		for _, e := range edit {
			e(sa)
		}
		return sa
	}
	names := func(secrets ...string) func(*informers.ServiceAccount) {
		return func(sa *informers.ServiceAccount) { sa.PullSecrets = secrets }
	}
	attached := func(secret string, source types.NamespacedName) func(*informers.ServiceAccount) {
		return func(sa *informers.ServiceAccount) {
			sa.PullSecrets = append(sa.PullSecrets, secret)
			sa.Attached = map[string]types.NamespacedName{secret: source}
		}
	}
	deleting := func(sa *informers.ServiceAccount) { sa.Deleting = true }
	attach := map[string]string{annotations.PushTo: "team-*", annotations.AttachToServiceAccounts: "default,build"}
	stranger := informers.Occupant{Candidate: &informers.Candidate{
		Identity: informers.Identity{NamespacedName: name("team-a", "regcred")},
	}}
	copied := informers.Occupant{Candidate: &informers.Candidate{
		Identity: informers.Identity{NamespacedName: name("team-a", "regcred"), Version: 7},
		Claims:   &annotations.Claims{PushedVersion: "3"},
	}}
	ours := informers.Occupant{Replica: replica("team-a")}
	detaches := []action{{plan.Detach, name("team-a", "default")}}
	attaches := []action{{plan.Attach, name("team-a", "default")}}
	tests := map[string]struct {
		phase      plan.Phase
		policy     map[string]string
		secretType string
		at         informers.Occupant
		account    *informers.ServiceAccount
		terminates bool
		want       []action
	}{
		"one that matches":            {policy: attach, at: ours, account: account(), want: attaches},
		"one with others' names":      {policy: attach, at: ours, account: account(names("theirs")), want: attaches},
		"one that names it":           {policy: attach, at: ours, account: account(names("theirs", "regcred"))},
		"one that was told to":        {policy: attach, at: ours, account: account(attached("regcred", key.NamespacedName))},
		"one that is being deleted":   {policy: attach, at: ours, account: account(deleting)},
		"a type that pulls no images": {policy: attach, at: ours, account: account(), secretType: "Opaque"},
		"the old type of pull secret": {
			policy: attach, at: ours, account: account(), secretType: "kubernetes.io/dockercfg", want: []action{
				{plan.Recreate, name("team-a", "regcred")}, {plan.Attach, name("team-a", "default")},
			},
		},
		"a policy that names no ServiceAccounts": {
			policy: map[string]string{annotations.PushTo: "team-*"}, at: ours, account: account(),
		},
		"a policy that names others": {
			policy: map[string]string{annotations.PushTo: "team-*", annotations.AttachToServiceAccounts: "x*"}, at: ours,
			account: account(attached("regcred", key.NamespacedName)), want: detaches,
		},
		"before the replica is there": {
			policy: attach, account: account(),
			want: []action{{plan.Create, name("team-a", "regcred")}, {plan.Attach, name("team-a", "default")}},
		},
		"before a peer's copy is adopted": {
			policy: attach, at: copied, account: account(), want: []action{{plan.Adopt, name("team-a", "regcred")}},
		},
		"where a stranger stands": {policy: attach, at: stranger, account: account()},
		"where a stranger took the place": {
			policy: attach, at: stranger, account: account(attached("regcred", key.NamespacedName)), want: detaches,
		},
		"under a name that it had before": {
			policy: attach, at: ours, account: account(names("regcred"), attached("old", key.NamespacedName)), want: detaches,
		},
		"what was added for another source": {
			policy: attach, at: ours, account: account(names("regcred"), attached("other", name("infra", "other"))),
		},
		"once its type pulls no images": {
			policy: attach, at: ours, account: account(attached("regcred", key.NamespacedName)), secretType: "Opaque",
			want: detaches,
		},
		"once the source has ended": {
			phase: plan.PhaseDeleted, account: account(attached("regcred", key.NamespacedName)), want: detaches,
		},
		"once it has ended, but not a dying": {
			phase:   plan.PhaseDeleted,
			account: account(attached("regcred", key.NamespacedName), deleting),
		},
		"while the source is held": {
			phase:   plan.PhaseFrozen,
			account: account(attached("regcred", key.NamespacedName)),
		},
		"in a namespace that terminates": {
			phase: plan.PhaseDeleted, account: account(attached("regcred", key.NamespacedName)), terminates: true,
		},
	}
	for title, tc := range tests {
		t.Run(title, func(t *testing.T) {
			ns := namespace(t, "team-a", func(m *metav1.ObjectMeta) {
				if tc.terminates {
					terminating(m)
				}
			})
			w := &world{
				phase: tc.phase, namespaces: []*informers.Namespace{ns}, occupants: []informers.Occupant{tc.at},
				accounts: []*informers.ServiceAccount{tc.account},
			}
			if tc.account.Attached != nil {
				w.attached = []*informers.ServiceAccount{tc.account}
			}
			secretType := tc.secretType
			if secretType == "" {
				secretType = "kubernetes.io/dockerconfigjson"
			}
			if r := tc.at.Replica; r != nil {
				copied := *r
				copied.Type = "kubernetes.io/dockerconfigjson"
				if tc.secretType == "Opaque" {
					copied.Type = "Opaque"
				}
				if tc.secretType == "kubernetes.io/dockercfg" {
					copied.Digest = old
				}
				w.occupants[0].Replica = &copied
			}
			if tc.phase == "" {
				w.phase = plan.PhaseActive
				w.source = plan.Source{
					Identity: informers.Identity{NamespacedName: key.NamespacedName, Created: epoch}, Type: secretType,
					Policy: policy(t, tc.policy), Push: inSync,
				}
			}
			var got []action
			for _, a := range w.make(t).Actions {
				got = append(got, action{a.Verb, a.Target})
				if a.Verb == plan.Attach && (a.Secret != "regcred" || a.Account != tc.account) ||
					a.Verb == plan.Detach && (a.Secret == "" || a.Account != tc.account) {
					t.Errorf("it is to %s %q", a.Verb, a.Secret)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
		})
	}
}
