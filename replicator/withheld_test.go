package replicator

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

func TestWithheldByScope(t *testing.T) {
	w := withheld{}
	in := func(right rules.Right, namespaces ...string) (list []plan.Withheld) {
		for _, n := range namespaces {
			list = append(list, plan.Withheld{Namespace: n, Right: right})
		}
		return list
	}
	for _, step := range []struct {
		title   string
		scope   informers.Scope
		found   []plan.Withheld
		changed bool
		want    []string
	}{
		{"a full pass", informers.FullScope(), in(rules.Attach, "a", "b"), true, []string{"a", "b"}},
		{"the same again", informers.FullScope(), in(rules.Attach, "a", "b"), false, []string{"a", "b"}},
		{"a part", informers.NamespaceScope("b"), nil, true, []string{"a"}},
		{"another part", informers.NamespaceScope("c"), in(rules.Attach, "c"), true, []string{"a", "c"}},
		{"a part that is as it was", informers.NamespaceScope("c"), in(rules.Attach, "c"), false, []string{"a", "c"}},
		{"nothing any more", informers.FullScope(), nil, true, nil},
	} {
		if changed := w.update(step.scope, step.found); changed != step.changed {
			t.Errorf("%s: changed: %t, want %t", step.title, changed, step.changed)
		}
		var got []string
		for key := range w {
			got = append(got, key.namespace)
		}
		slices.Sort(got)
		if diff := cmp.Diff(step.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.title, diff)
		}
	}
}

// A warning says which right is missing where, and who grants it.
func TestWithheldWarnings(t *testing.T) {
	const rule = "for sources in from, which the operator writes into rules.yaml of the ConfigMap own/mirrorball"
	problem := &annotations.Problem{Key: annotations.AcceptAttachFrom, Value: "(", Reason: "is wrong"}
	for title, tc := range map[string]struct {
		found  plan.Withheld
		reason string
		parts  []string
	}{
		"push": {plan.Withheld{Namespace: "to", Right: rules.Push}, "Barred", []string{"the namespaces to:", "[push]", rule}},
		"attach": {
			plan.Withheld{Namespace: "to", Right: rules.Attach}, "Barred",
			[]string{"the namespaces to", "[attach]", rule, `mirrorball.dev/accept-attach-from: "from" on the Namespace`},
		},
		"labels": {
			plan.Withheld{Namespace: "to", Right: rules.Labels}, "Barred",
			[]string{"example.com/x", "the namespaces to", "[labels]", rule},
		},
		"unreadable": {
			plan.Withheld{Namespace: "to", Right: rules.Attach, Problem: problem}, "NamespaceUnreadable",
			[]string{"the namespaces to", "accept-attach-from", "is wrong", "correct the annotation"},
		},
	} {
		t.Run(title, func(t *testing.T) {
			p := &pass{key: testSource, state: newState()}
			p.world.Settings.Namespace, p.world.Source.Prefixed = "own", []string{"example.com/x"}
			p.state.withheld.update(informers.FullScope(), []plan.Withheld{tc.found})
			list := withheldWarnings(p)
			if len(list) != 1 || list[0].reason != tc.reason || list[0].subject != testSource {
				t.Fatalf("the warnings are %v", list)
			}
			for _, part := range tc.parts {
				if !strings.Contains(list[0].note, part) {
					t.Errorf("the note does not say %q: %s", part, list[0].note)
				}
			}
		})
	}
}

// Each right has a warning of its own.
func TestWithheldRightsTogether(t *testing.T) {
	p := &pass{key: testSource, state: newState()}
	for _, right := range rules.All {
		p.state.withheld[withheldKey{right: right, namespace: "to"}] = ""
	}
	keys := map[warningKey]bool{}
	for _, w := range withheldWarnings(p) {
		keys[w.warningKey] = true
	}
	if len(keys) != len(rules.All) {
		t.Errorf("the warnings are about %v", keys)
	}
}
