package plan_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// attaches evaluates an attachment for an account of a namespace, as the admission policies in deploy/ do.
func attaches(a *informers.Attachment, account string, ns *informers.Namespace) bool {
	if a == nil {
		return false
	}
	var lines []string
	for key, value := range ns.Labels {
		lines = append(lines, key+"="+value)
	}
	holds := func(conditions string, subjects map[string]string) bool {
		return !slices.ContainsFunc(strings.Split(conditions, "\n\n"), func(condition string) bool {
			return !slices.ContainsFunc(strings.Split(condition, "\n"), func(line string) bool {
				return !slices.ContainsFunc(strings.Split(line, " "), func(term string) bool {
					at := strings.IndexAny(term, "=!")
					return regexp.MustCompile(term[at+1:]).MatchString(subjects[term[:at]]) != (term[at] == '=')
				})
			})
		})
	}
	return holds(a.Accounts, map[string]string{"name": account}) &&
		holds(a.Namespaces, map[string]string{"name": ns.Name, "labels": strings.Join(lines, "\n")})
}

// texts is what an attachment says, for errors.
func texts(a *informers.Attachment) []string {
	if a == nil {
		return nil
	}
	return []string{a.Accounts, a.Namespaces}
}

// TestAttachmentOf: what an attachment says is what the plan does to a new account in a new namespace.
func TestAttachmentOf(t *testing.T) {
	label := func(key, value string) func(*metav1.ObjectMeta) {
		return func(m *metav1.ObjectMeta) { m.Labels = map[string]string{key: value} }
	}
	namespaces := []*informers.Namespace{
		namespace(t, "infra"), namespace(t, "own"), namespace(t, "kube-system"), namespace(t, "team-a"),
		namespace(t, "team-b", label("tier", "web")), namespace(t, "other", label("tier", "web")),
		namespace(t, "consents", func(m *metav1.ObjectMeta) {
			m.Annotations = map[string]string{annotations.AcceptAttachFrom: "infra"}
		}),
	}
	every := map[string]string{annotations.PushTo: "*", annotations.AttachToServiceAccounts: "*"}
	for title, tc := range map[string]struct {
		policy     map[string]string
		rules      *rules.Rules
		secretType string
		// beyond are namespaces where the plan attaches, and the attachment can't say so.
		beyond []string
	}{
		"every namespace": {policy: every},
		"a pattern": {policy: map[string]string{
			annotations.PushTo: "team-*,!team-b", annotations.AttachToServiceAccounts: "d*,!*x",
		}},
		"a label": {policy: map[string]string{
			annotations.PushToSelector: "tier=web", annotations.AttachToServiceAccounts: "default",
		}},
		"an exclusion": {policy: map[string]string{
			annotations.PushTo: "*", annotations.Exclude: "team-*", annotations.AttachToServiceAccounts: "*",
		}},
		"another name": {policy: map[string]string{
			annotations.PushTo: "*", annotations.TargetName: "renamed", annotations.AttachToServiceAccounts: "*",
		}},
		"no account": {policy: map[string]string{annotations.PushTo: "*"}},
		"rules": {
			policy: every,
			rules: parseRules(`- {sources: ["*"], targets: [team-a, other], allow: [push]}`,
				`- {sources: [infra], targetsSelector: tier=web, allow: [attach]}`),
		},
		"rules about others": {
			policy: every, rules: parseRules(`- {sources: ["*"], targets: ["*"], allow: [push]}`,
				`- {sources: [others], targets: ["*"], allow: [attach]}`), beyond: []string{"consents"},
		},
		"another type": {policy: every, secretType: "Opaque"},
	} {
		t.Run(title, func(t *testing.T) {
			w := activeWorld(t, tc.policy, namespaces...)
			w.protected, w.rules = "kube-*", tc.rules
			if tc.secretType != "" {
				w.source.Type = tc.secretType
			}
			for _, ns := range namespaces {
				for _, account := range []string{"default", "build", "dx"} {
					w.accounts = []*informers.ServiceAccount{{
						Identity: informers.Identity{NamespacedName: name(ns.Name, account), Version: 3},
					}}
					in := w.world(t)
					in.Settings.Namespace = "own"
					in.Targets = slices.DeleteFunc(in.Targets, func(t informers.Target) bool { return t.Namespace != ns })
					a := plan.AttachmentOf(in)
					want := slices.ContainsFunc(plan.Make(in).Actions, func(a plan.Action) bool { return a.Verb == plan.Attach })
					want = want && !slices.Contains(tc.beyond, ns.Name)
					if got := attaches(a, account, ns); got != want {
						t.Errorf("%s/%s is attached: %t, want %t, by %q", ns.Name, account, got, want, texts(a))
					}
					if a != nil && a.Secret != w.source.Policy.ReplicaName(key.Name) {
						t.Errorf("the entry is %q", a.Secret)
					}
				}
			}
		})
	}
}

// TestLargeAttachment: a source whose conditions are too long is not attached by the API server.
func TestLargeAttachment(t *testing.T) {
	long := strings.Repeat("x", 60)
	var list []string
	for range 100 {
		list = append(list, long)
	}
	w := activeWorld(t, map[string]string{
		annotations.PushTo: strings.Join(list, ","), annotations.AttachToServiceAccounts: "*",
	})
	if a := plan.AttachmentOf(w.world(t)); a != nil {
		t.Errorf("the conditions have %d bytes", len(a.Namespaces))
	}
}
