package rules_test

import (
	"testing"

	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

func TestAllow(t *testing.T) {
	const two = `
- {sources: ["platform"], targets: ["*"], allow: [push, attach, labels]}
- {sources: ["team-*", "!team-x"], targetsSelector: "env=dev", allow: [push]}
- {sourcesSelector: "tier=gold", sources: [gold], targets: ["shop"], targetsSelector: "env=shop", allow: [attach]}
`
	for title, tc := range map[string]struct {
		text           string
		right          rules.Right
		source, target rules.Namespace
		want           bool
	}{
		"the rule of the source":               {two, rules.Labels, ns("platform"), ns("a"), true},
		"no rule of the source":                {two, rules.Push, ns("other"), ns("a"), false},
		"a target that is selected by label":   {two, rules.Push, ns("team-a"), ns("x", "env", "dev"), true},
		"a target with another label":          {two, rules.Push, ns("team-a"), ns("x", "env", "prod"), false},
		"another right":                        {two, rules.Attach, ns("team-a"), ns("x", "env", "dev"), false},
		"a source that is taken away":          {two, rules.Push, ns("team-x"), ns("x", "env", "dev"), false},
		"either of a source's: the name":       {two, rules.Attach, ns("gold"), ns("shop"), true},
		"either of a source's: the label":      {two, rules.Attach, ns("x", "tier", "gold"), ns("shop"), true},
		"either of a target's: the label":      {two, rules.Attach, ns("x", "tier", "gold"), ns("y", "env", "shop"), true},
		"neither of a target's":                {two, rules.Attach, ns("x", "tier", "gold"), ns("y", "env", "dev"), false},
		"labels of the target, not the source": {two, rules.Attach, ns("x", "env", "shop"), ns("y", "tier", "gold"), false},
		"no rules at all":                      {" []", rules.Push, ns("platform"), ns("a"), false},
	} {
		t.Run(title, func(t *testing.T) {
			r, err := rules.Parse(head + "rules:" + tc.text)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.For(tc.source).Allow(tc.right, tc.target); got != tc.want {
				t.Errorf("%s from %v to %v is allowed: %t, want %t", tc.right, tc.source, tc.target, got, tc.want)
			}
		})
	}
}

func TestDefault(t *testing.T) {
	r := rules.Default("mirrorball-system")
	for source, want := range map[string]map[rules.Right]bool{
		"mirrorball-system": {rules.Push: true, rules.Attach: true, rules.Labels: true},
		"tenant":            {rules.Push: true, rules.Attach: false, rules.Labels: false},
	} {
		for _, right := range rules.All {
			if got := r.For(ns(source)).Allow(right, ns("team-a")); got != want[right] {
				t.Errorf("%s may %s: %t, want %t", source, right, got, want[right])
			}
		}
	}
	var none *rules.Rules
	if none.For(ns("mirrorball-system")).Allow(rules.Push, ns("team-a")) {
		t.Error("no rules allow something")
	}
}

// ns is a namespace, with at most one label.
func ns(name string, label ...string) rules.Namespace {
	n := rules.Namespace{Name: name}
	if len(label) == 2 {
		n.Labels = map[string]string{label[0]: label[1]}
	}
	return n
}

func TestGives(t *testing.T) {
	const text = `rules:
- {sources: [a], targets: ["team-*"], allow: [push]}
- {sources: [a], targets: ["shop"], targetsSelector: "env=dev", allow: [attach]}
`
	r, err := rules.Parse(head + text)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		right  rules.Right
		target string
		want   bool
	}{
		"a target that matches":            {rules.Push, "team-a", true},
		"a target that does not":           {rules.Push, "shop", false},
		"any target":                       {rules.Push, "", true},
		"a target that may have the label": {rules.Attach, "team-a", true},
		"a right of no rule":               {rules.Labels, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := r.Gives(tc.right, tc.target); got != tc.want {
				t.Errorf("%s in %q is given: %t, want %t", tc.right, tc.target, got, tc.want)
			}
		})
	}
}
