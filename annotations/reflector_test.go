package annotations_test

import (
	"strings"
	"testing"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"k8s.io/apimachinery/pkg/types"
)

// allowed and auto are short for Reflector's keys.
const (
	allowed         = reflector + "reflection-allowed"
	allowedList     = reflector + "reflection-allowed-namespaces"
	allowedSelector = reflector + "reflection-allowed-namespaces-selector"
	auto            = reflector + "reflection-auto-enabled"
	autoList        = reflector + "reflection-auto-namespaces"
	autoSelector    = reflector + "reflection-auto-namespaces-selector"
)

func TestReflectorSource(t *testing.T) {
	tests := map[string]reachTest{
		"allowed, absent lists: every namespace may pull": {annotations: with(allowed, "true"), wantPull: all},
		"an empty list and selector are every namespace": {
			annotations: with(allowed, "true", allowedList, "", allowedSelector, " "), wantPull: all,
		},
		"a blank list is every namespace": {
			annotations: with(allowed, "true", allowedList, " \n"), wantPull: all,
		},
		"a list of only commas is no namespace": {annotations: with(allowed, "true", allowedList, " , ,")},
		"auto of only commas is no namespace": {
			annotations: with(allowed, "true", auto, "true", autoList, ","), wantPull: all,
		},
		"a comma and a selector are what the selector has": {
			annotations: with(allowed, "true", allowedList, ",", allowedSelector, "team=a"), wantPull: labelledA,
		},
		"only a selector: the list does not mean all": {
			annotations: with(allowed, "true", allowedSelector, "team=a"), wantPull: labelledA,
		},
		"only a list: the selector does not mean all": {
			annotations: with(allowed, "true", allowedList, "team-a"), wantPull: []string{"team-a"},
		},
		"a list and a selector match where either does": {
			annotations: with(allowed, "true", allowedList, "default, team-b", allowedSelector, "team=a"),
			wantPull:    []string{"default", "my-team-a", "team-a", "team-b"},
		},
		"expressions match the whole name": {
			annotations: with(allowed, "true", allowedList, "team-."), wantPull: teams,
		},
		"a name is no prefix": {annotations: with(allowed, "true", allowedList, "team"), wantPull: none},
		"an alternative that is a prefix of another matches the whole name too": {
			annotations: with(allowed, "true", allowedList, "a|ab"), wantPull: []string{"a", "ab"},
		},
		"expressions are case-sensitive": {
			annotations: with(allowed, "true", allowedList, "Team-a,TEAM-."),
		},
		"unless they say otherwise": {
			annotations: with(allowed, "true", allowedList, "(?i)TEAM-."), wantPull: teams,
		},
		"a count is broken by the comma": {
			annotations: with(allowed, "true", allowedList, "a{1,3}"), wantPull: none,
		},
		"a count without a comma": {
			annotations: with(allowed, "true", allowedList, "[a-z]{2}"), wantPull: []string{"ab"},
		},
		"look-ahead, as in the recipe": {
			annotations: with(allowed, "true", allowedList, "^(?!(?:default|kube-system)$).*"),
			wantPull:    allBut("default", "kube-system"),
		},
		"look-behind": {
			annotations: with(allowed, "true", allowedList, `.*(?<!-a)$`), wantPull: allBut("team-a", "my-team-a"),
		},
		"look-ahead in the middle": {
			annotations: with(allowed, "true", allowedList, `team-(?!a).`), wantPull: []string{"team-b"},
		},
		"back references": {
			annotations: with(allowed, "true", allowedList, `(\w).*-\1`), wantPull: none,
		},
		".NET's subtraction of classes": {
			annotations: with(allowed, "true", allowedList, `team-[a-z-[a]]`), wantPull: []string{"team-b"},
		},
		"anchors may be written": {
			annotations: with(allowed, "true", allowedList, `^team-a$,\Aab\z`), wantPull: []string{"ab", "team-a"},
		},
		"a glob is no expression here": {
			annotations: with(allowed, "true", allowedList, "*"), wantProblems: []string{allowedList},
		},
		"a malformed expression": {
			annotations: with(allowed, "true", allowedList, "team-a,(unclosed"), wantProblems: []string{allowedList},
		},
		"one that is well formed only between parentheses": {
			annotations: with(allowed, "true", allowedList, "a)|(?:b"), wantProblems: []string{allowedList},
		},

		"more expressions than one object may have compiled are refused": {
			annotations:  with(allowed, "true", allowedList, strings.Repeat(".a,", 20000)),
			wantProblems: []string{allowedList},
		},

		"auto needs allowed":            {annotations: with(auto, "true"), wantIgnored: []string{auto}},
		"auto needs allowed to be true": {annotations: with(auto, "true", allowed, "false")},
		"auto without lists is every namespace": {
			annotations: with(allowed, "true", auto, "true"), wantPush: all, wantPull: all,
		},
		"auto false pushes nothing": {
			annotations: with(allowed, "true", auto, "false", autoList, "a"), wantPull: all,
		},
		"auto by list": {
			annotations: with(allowed, "true", auto, "true", autoList, "team-.,a"),
			wantPush:    []string{"a", "team-a", "team-b"}, wantPull: all,
		},
		"auto by selector only": {
			annotations: with(allowed, "true", auto, "true", autoSelector, "team"),
			wantPush:    []string{"my-team-a", "team-a", "team-b"}, wantPull: all,
		},
		"auto by either": {
			annotations: with(allowed, "true", auto, "true", autoList, "a", autoSelector, "env=prod"),
			wantPush:    []string{"a", "team-a"}, wantPull: all,
		},
		"a target of auto must pass both": {
			annotations: with(allowed, "true", allowedList, "team-.,default", auto, "true", autoList, "team-a,ab"),
			wantPush:    []string{"team-a"}, wantPull: []string{"default", "team-a", "team-b"},
		},
		"both, one by list and the other by selector": {
			annotations: with(allowed, "true", allowedSelector, "team=a", auto, "true", autoList, "team-.*"),
			wantPush:    []string{"team-a"}, wantPull: labelledA,
		},
		"auto everywhere is bounded by allowed": {
			annotations: with(allowed, "true", allowedList, "a", auto, "true"),
			wantPush:    []string{"a"}, wantPull: []string{"a"},
		},

		"booleans are case-insensitive": {
			annotations: with(allowed, " TRUE ", auto, "True"), wantPush: all, wantPull: all,
		},
		"1 is not true": {annotations: with(allowed, "1"), wantIgnored: []string{allowed}},
		"yes is not true, and freezes nothing": {
			annotations: with(allowed, "true", auto, "yes"), wantPull: all, wantIgnored: []string{auto},
		},
		"an empty boolean is false": {annotations: with(allowed, ""), wantIgnored: []string{allowed}},
		"a list without allowed": {
			annotations: with(allowedList, "a"), wantIgnored: []string{allowedList},
		},

		"a selector of absence matches where the label is missing": {
			annotations: with(allowed, "true", allowedSelector, "team != a"), wantPull: allBut("team-a", "my-team-a"),
		},
		"a selector's notin likewise": {
			annotations: with(allowed, "true", allowedSelector, "team notin (a, b)"),
			wantPull:    allBut("team-a", "team-b", "my-team-a"),
		},
		"a selector's in": {
			annotations: with(allowed, "true", allowedSelector, "team in (a,b),env"), wantPull: []string{"team-a"},
		},
		"a selector of only a comma": {
			annotations: with(allowed, "true", allowedSelector, ","), wantProblems: []string{allowedSelector},
		},
		"a selector without a key": {
			annotations: with(allowed, "true", allowedSelector, "=v"), wantProblems: []string{allowedSelector},
		},
		"a selector of only a !": {
			annotations: with(allowed, "true", allowedSelector, "!"), wantProblems: []string{allowedSelector},
		},
		"a selector of no values": {
			annotations: with(allowed, "true", allowedSelector, "env in ()"), wantProblems: []string{allowedSelector},
		},
		"a selector left open": {
			annotations: with(allowed, "true", allowedSelector, "env in (a"), wantProblems: []string{allowedSelector},
		},
		"a selector with a bad value": {
			annotations: with(allowed, "true", allowedSelector, "env=a b"), wantProblems: []string{allowedSelector},
		},
		"a selector by size, which Reflector does not know": {
			annotations: with(allowed, "true", allowedSelector, "a>1"), wantProblems: []string{allowedSelector},
		},
		"a malformed selector freezes whatever the list says": {
			annotations:  with(allowed, "true", allowedList, ".*", allowedSelector, "!"),
			wantProblems: []string{allowedSelector},
		},
		"a malformed list of auto freezes pulling too": {
			annotations: with(allowed, "true", autoList, "("), wantProblems: []string{autoList},
		},
	}
	for name, tc := range tests {
		tc.wantSource, tc.wantDialect = true, annotations.Reflector
		tests[name] = tc
	}
	runReachTests(t, tests)
}

func TestReflectorMirror(t *testing.T) {
	from := func(namespace, name string) *annotations.Pull {
		source := types.NamespacedName{Namespace: namespace, Name: name}
		return &annotations.Pull{From: source, Dialect: annotations.Reflector}
	}
	reflects, autoReflects := reflector+"reflects", reflector+"auto-reflects"
	runReachTests(t, map[string]reachTest{
		"reflects names the source":            {annotations: with(reflects, "a/b"), wantFrom: from("a", "b")},
		"white space around either is dropped": {annotations: with(reflects, " a / b\n"), wantFrom: from("a", "b")},
		"auto-reflects: a mirror that was pushed": {
			annotations: with(reflects, "a/b", autoReflects, "True"),
			wantMirror:  &types.NamespacedName{Namespace: "a", Name: "b"},
		},
		"auto-reflects in small letters": {
			annotations: with(reflects, "a/b", autoReflects, "true"),
			wantMirror:  &types.NamespacedName{Namespace: "a", Name: "b"},
		},
		"auto-reflects false: one that pulls": {
			annotations: with(reflects, "a/b", autoReflects, "False"), wantFrom: from("a", "b"),
		},
		"auto-reflects without reflects": {annotations: with(autoReflects, "True")},
		"reflects makes it no pusher": {
			annotations: with(reflects, "a/b", allowed, "true", auto, "true"), wantFrom: from("a", "b"),
			wantIgnored: []string{allowed, auto},
		},
		"a mirror that was pushed is no pusher either, in any dialect": {
			annotations: with(reflects, "a/b", autoReflects, "True", native+"push-to", "*",
				replicator+"replicate-to", ".*"),
			wantMirror:  &types.NamespacedName{Namespace: "a", Name: "b"},
			wantIgnored: []string{native + "push-to", replicator + "replicate-to"},
		},
		"three parts are no reflection, so the rest counts": {
			annotations: with(reflects, "a/b/c", allowed, "true"),
			wantSource:  true, wantDialect: annotations.Reflector, wantPull: all, wantIgnored: []string{reflects},
		},
		"an empty value is no reflection, so the rest counts": {
			annotations: with(reflects, " ", allowed, "true"),
			wantSource:  true, wantDialect: annotations.Reflector, wantPull: all, wantIgnored: []string{reflects},
		},
		"a single name is a reflection of nothing, and no pusher": {
			annotations: with(reflects, "b", allowed, "true"), wantIgnored: []string{allowed, reflects},
		},
		"names that can't be are a reflection of nothing": {
			annotations: with(reflects, "A/b", native+"push-to", "*"),
			wantIgnored: []string{native + "push-to", reflects},
		},
		"itself is a reflection of nothing": {
			annotations: with(reflects, self.String()), wantIgnored: []string{reflects},
		},
	})
}
