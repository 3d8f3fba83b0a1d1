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
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// rightsCase is a source that pushes to team-a, attaches to its default ServiceAccount, and has a label with a prefix.
type rightsCase struct {
	rules *rules.Rules
	// home are the labels of the source's namespace, target those of team-a.
	home, target map[string]string
	// accept is team-a's accept-attach-from.
	accept *string
	// at stands in team-a, and attached says that it is attached.
	at       *informers.Replica
	attached bool

	state    plan.State
	reason   string
	want     []action
	plain    bool
	withheld []plan.Withheld
}

var (
	pushOnly   = parseRules(`- {sources: ["*"], targets: ["*"], allow: [push]}`)
	plainly    = informers.Digest{9}
	teamSecret = name("team-a", "regcred")
	teamSA     = name("team-a", "default")
	lacks      = func(rights ...rules.Right) (list []plan.Withheld) {
		for _, r := range rights {
			list = append(list, plan.Withheld{Namespace: "team-a", Right: r})
		}
		return list
	}
)

func stands(d informers.Digest) *informers.Replica {
	return replica("team-a", pullSecret, func(r *informers.Replica) { r.Digest = d })
}

var rightsCases = map[string]rightsCase{
	"everything is allowed": {
		state: plan.Missing, want: []action{{plan.Create, teamSecret}, {plan.Attach, teamSA}},
	},
	"nothing is": {
		rules: parseRules("  []"), state: plan.Barred, reason: "the rules do not allow the namespace infra to push to it",
		withheld: lacks(rules.Push),
	},
	"a replica where pushing is not allowed any more": {
		rules: parseRules("  []"), at: stands(inSync), attached: true, state: plan.Barred,
		reason:   "the rules do not allow the namespace infra to push to it",
		want:     []action{{plan.Detach, teamSA}, {plan.Delete, teamSecret}},
		withheld: lacks(rules.Push),
	},
	"pushing alone": {
		rules: pushOnly, state: plan.Missing, want: []action{{plan.Create, teamSecret}}, plain: true,
		withheld: lacks(rules.Labels, rules.Attach),
	},
	"a replica with labels that are not allowed any more": {
		rules: pushOnly, at: stands(inSync), state: plan.Drifted, want: []action{{plan.Update, teamSecret}}, plain: true,
		withheld: lacks(rules.Labels, rules.Attach),
	},
	"a replica without them": {
		rules: pushOnly, at: stands(plainly), state: plan.InSync, withheld: lacks(rules.Labels, rules.Attach),
	},
	"a replica without labels that are allowed now": {
		at: stands(plainly), attached: true, state: plan.Drifted, want: []action{{plan.Update, teamSecret}},
	},
	"an attachment that is not allowed any more": {
		rules: pushOnly, at: stands(plainly), attached: true, state: plan.InSync, want: []action{{plan.Detach, teamSA}},
		withheld: lacks(rules.Labels, rules.Attach),
	},
	"an attachment that the namespace accepts": {
		rules: pushOnly, at: stands(plainly), accept: new("inf*"), state: plan.InSync, want: []action{{plan.Attach, teamSA}},
		withheld: lacks(rules.Labels),
	},
	"an attachment that the namespace accepts from others": {
		rules: pushOnly, at: stands(plainly), accept: new("*,!infra"), state: plan.InSync,
		withheld: lacks(rules.Labels, rules.Attach),
	},
	"a consent that takes nothing away from the rules": {
		at: stands(inSync), accept: new(""), state: plan.InSync, want: []action{{plan.Attach, teamSA}},
	},
	"the source's namespace, by label": {
		rules: parseRules(`- {sourcesSelector: tier=gold, targets: ["*"], allow: [push, attach, labels]}`),
		home:  map[string]string{"tier": "gold"}, state: plan.Missing,
		want: []action{{plan.Create, teamSecret}, {plan.Attach, teamSA}},
	},
	"the target's namespace, by label": {
		rules:  parseRules(`- {sources: ["*"], targetsSelector: env=dev, allow: [push, attach, labels]}`),
		target: map[string]string{"env": "dev"}, state: plan.Missing,
		want: []action{{plan.Create, teamSecret}, {plan.Attach, teamSA}},
	},
	"another target's": {
		rules:  parseRules(`- {sources: ["*"], targetsSelector: env=dev, allow: [push, attach, labels]}`),
		target: map[string]string{"env": "prod"}, state: plan.Barred,
		reason: "the rules do not allow the namespace infra to push to it", withheld: lacks(rules.Push),
	},
}

func (tc *rightsCase) world(t *testing.T) *world {
	t.Helper()
	w := activeWorld(t, map[string]string{annotations.PushTo: "team-*", annotations.AttachToServiceAccounts: "default"},
		namespace(t, "team-a", func(m *metav1.ObjectMeta) {
			if m.Labels = tc.target; tc.accept != nil {
				m.Annotations = map[string]string{annotations.AcceptAttachFrom: *tc.accept}
			}
		}))
	w.rules, w.source.Prefixed, w.source.Plain = tc.rules, []string{"example.com/x"}, plainly
	if tc.home != nil {
		w.homes = map[string]map[string]string{key.Namespace: tc.home}
	}
	if tc.at != nil {
		w.occupants[0].Replica, w.naming = tc.at, []*informers.Replica{tc.at}
	}
	sa := &informers.ServiceAccount{Identity: informers.Identity{NamespacedName: teamSA}}
	if tc.attached {
		sa.PullSecrets = []string{"regcred"}
		sa.Attached = map[string]types.NamespacedName{"regcred": key.NamespacedName}
		w.attached = []*informers.ServiceAccount{sa}
	}
	w.accounts = []*informers.ServiceAccount{sa}
	return w
}

func TestRights(t *testing.T) {
	for title, tc := range rightsCases {
		t.Run(title, func(t *testing.T) {
			p := tc.world(t).make(t)
			if v := p.Verdicts[0]; v.State != tc.state || v.Reason != tc.reason {
				t.Errorf("the verdict is %v, want %s %q", v, tc.state, tc.reason)
			}
			if diff := cmp.Diff(tc.want, actionsOf(p)); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.withheld, p.Withheld); diff != "" {
				t.Errorf("withheld (-want +got):\n%s", diff)
			}
			for _, a := range p.Actions {
				if (a.Verb == plan.Create || a.Verb == plan.Update) && a.Plain != tc.plain {
					t.Errorf("it is to %s plainly: %t, want %t", a.Verb, a.Plain, tc.plain)
				}
			}
		})
	}
}

// What a namespace says of attaching, and can't be read, neither attaches nor detaches what depends on it.
func TestUnreadableAttachConsent(t *testing.T) {
	for title, tc := range map[string]struct {
		rules        *rules.Rules
		attached     bool
		want         []action
		wantWithheld bool
	}{
		"not attached":              {rules: pushOnly, wantWithheld: true},
		"attached":                  {rules: pushOnly, attached: true, wantWithheld: true},
		"allowed by the rules":      {want: []action{{plan.Attach, teamSA}}},
		"attached, with no replica": {rules: parseRules("  []"), attached: true, want: []action{{plan.Detach, teamSA}}},
	} {
		t.Run(title, func(t *testing.T) {
			c := rightsCase{rules: tc.rules, attached: tc.attached, accept: new("Not A Pattern")}
			w := c.world(t)
			w.source.Prefixed = nil
			if tc.rules == nil || tc.wantWithheld {
				w.occupants[0].Replica = stands(inSync)
			}
			p := w.make(t)
			if diff := cmp.Diff(tc.want, actionsOf(p)); diff != "" {
				t.Errorf("actions (-want +got):\n%s", diff)
			}
			if tc.wantWithheld && (len(p.Withheld) != 1 || p.Withheld[0].Right != rules.Attach || p.Withheld[0].Problem == nil) {
				t.Errorf("withheld is %v, want attach, and what is wrong", p.Withheld)
			}
		})
	}
}

// Until the watch shows the source's namespace nothing is pushed or removed: its labels may matter.
func TestUnknownHome(t *testing.T) {
	w := rightsCases["everything is allowed"]
	hidden := w.world(t)
	hidden.homes = map[string]map[string]string{key.Namespace: nil}
	stray := replica("other")
	hidden.naming = []*informers.Replica{stray}
	if p := hidden.make(t); len(p.Actions) > 0 || len(p.Verdicts) > 0 || len(p.Withheld) > 0 {
		t.Errorf("it is decided: %v, %v, %v", actionsOf(p), p.Verdicts, p.Withheld)
	}
}

// A senior source that may not push to a place does not keep others from it.
func TestBarredSenior(t *testing.T) {
	senior := competitor{
		Identity: informers.Identity{NamespacedName: name("older", "regcred"), Created: epoch.Add(-time.Hour)},
		Policy:   policy(t, map[string]string{annotations.PushTo: "team-*"}),
	}
	for title, tc := range map[string]struct {
		rule   string
		labels map[string]string
		want   plan.State
	}{
		"may push": {`- {sources: ["*"], targets: ["*"], allow: [push]}`, nil, plan.Conflict},
		"may not":  {`- {sources: [infra], targets: ["*"], allow: [push]}`, nil, plan.Missing},
		"may, by its namespace's label": {
			`- {sources: [infra], sourcesSelector: a=b, targets: ["*"], allow: [push]}`,
			map[string]string{"a": "b"}, plan.Conflict,
		},
		"may not, by its label": {
			`- {sources: [infra], sourcesSelector: a=b, targets: ["*"], allow: [push]}`,
			map[string]string{"a": "c"}, plan.Missing,
		},
		"may attach only": {
			`- {sources: [infra], targets: ["*"], allow: [push]}
- {sources: [older], targets: ["*"], allow: [attach]}`, nil, plan.Missing,
		},
	} {
		t.Run(title, func(t *testing.T) {
			w := activeWorld(t, map[string]string{annotations.PushTo: "team-*"}, namespace(t, "team-a"))
			w.rules, w.competitors = parseRules(tc.rule), []competitor{senior}
			if tc.labels != nil {
				w.homes = map[string]map[string]string{"older": tc.labels}
			}
			if p := w.make(t); p.Verdicts[0].State != tc.want {
				t.Errorf("the verdict is %v, want %s", p.Verdicts[0], tc.want)
			}
		})
	}
}

// An object that pulls asks for itself: the rules have no say.
func TestPullingNeedsNoRight(t *testing.T) {
	w := activeWorld(t, map[string]string{annotations.PullBy: "team-*"}, namespace(t, "team-a"))
	w.rules = parseRules("  []")
	w.pulling = []informers.Occupant{{Candidate: &informers.Candidate{
		Identity: informers.Identity{NamespacedName: name("team-a", "mine"), Version: 7},
		Claims:   &annotations.Claims{PullFrom: &annotations.Pull{From: key.NamespacedName}},
	}}}
	p := w.make(t)
	want := []action{{plan.Fill, name("team-a", "mine")}}
	if diff := cmp.Diff(want, actionsOf(p)); diff != "" || len(p.Withheld) > 0 {
		t.Errorf("withheld %v, actions (-want +got):\n%s", p.Withheld, diff)
	}
}
