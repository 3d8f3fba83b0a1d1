package annotations

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/labels"
)

// holds evaluates a condition as the admission policies in deploy/ do.
func (c Condition) holds(t *testing.T, name string, set map[string]string) bool {
	t.Helper()
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(set)) {
		lines = append(lines, key+"="+set[key])
	}
	subjects := map[string]string{"name": name, "labels": strings.Join(lines, "\n")}
	return slices.ContainsFunc(c, func(line string) bool {
		for _, term := range strings.Split(line, " ") {
			at := strings.IndexAny(term, "=!")
			if at < 0 {
				t.Fatalf("the term %q has no operator", term)
			}
			if regexp.MustCompile(term[at+1:]).MatchString(subjects[term[:at]]) != (term[at] == '=') {
				return false
			}
		}
		return true
	})
}

// conditionNames and conditionLabels are tried on each policy.
var (
	conditionNames  = []string{"team-a", "team-b", "team", "a", "b.c", "ab", "kube-system", "x-team-a", "team-a-x"}
	conditionLabels = []map[string]string{
		nil, {"tier": "web"}, {"tier": ""}, {"tier": "web", "team.io/x": "1"}, {"team.io/x": "2"}, {"xtier": "web"},
		{"teamXio/x": "1"}, {"tier": "webs"}, {"a": "x", "tier": "db"},
	}
)

// TestPushConditions: the conditions hold where the policy pushes, and nowhere else.
func TestPushConditions(t *testing.T) {
	for title, tc := range map[string]struct {
		annotations map[string]string
		// fewer says that the conditions can't say it all.
		fewer bool
	}{
		"a name":                  {map[string]string{PushTo: "team-a"}, false},
		"patterns":                {map[string]string{PushTo: "team-?,a*,!ab"}, false},
		"every namespace":         {map[string]string{PushTo: "*"}, false},
		"what is excluded":        {map[string]string{PushTo: "*", Exclude: "team*, kube-*, !team-b"}, false},
		"nothing":                 {map[string]string{PushTo: "!a"}, false},
		"a label":                 {map[string]string{PushToSelector: "tier=web"}, false},
		"a label or a name":       {map[string]string{PushTo: "a", PushToSelector: "tier in (web,db),!team.io/x"}, false},
		"labels that are not":     {map[string]string{PushToSelector: "tier!=web,tier notin (db)"}, false},
		"a key":                   {map[string]string{PushToSelector: "team.io/x"}, false},
		"an empty value":          {map[string]string{PushToSelector: "tier="}, false},
		"numbers":                 {map[string]string{PushTo: "a", PushToSelector: "team.io/x>1"}, true},
		"Reflector's":             {reflected("team-.*,a"), false},
		"Reflector's alternative": {reflected("(?:a|^team)$"), false},
		"Reflector's look-ahead":  {reflected("(?!team).*,a"), true},
		"Reflector's two sides": {map[string]string{
			reflectorAllowed: "true", reflectorAllowedList: "team.*", reflectorAuto: "true",
			reflectorAutoSelector: "tier",
		}, false},
		"Reflector's every namespace":     {map[string]string{reflectorAllowed: "true", reflectorAuto: "true"}, false},
		"Reflector's without permission":  {map[string]string{reflectorAuto: "true"}, false},
		"kubernetes-replicator's":         {map[string]string{replicatorTo: "team-[ab],kube.*"}, false},
		"kubernetes-replicator's count":   {map[string]string{replicatorTo: "team-a{1},b.c"}, true},
		"kubernetes-replicator's label":   {map[string]string{replicatorToMatching: "tier=web"}, false},
		"kubernetes-replicator's anybody": {map[string]string{replicatorToMatching: ""}, false},
	} {
		t.Run(title, func(t *testing.T) {
			claims := Parse("infra", "regcred", tc.annotations)
			if claims.Policy == nil || len(claims.Problems) > 0 {
				t.Fatalf("not a policy: %v", claims.Problems)
			}
			conditions, missing := claims.Policy.PushConditions(), 0
			for _, name := range conditionNames {
				for _, set := range conditionLabels {
					want, err := claims.Policy.PushesTo(name, set)
					if err != nil {
						t.Fatal(err)
					}
					got := !slices.ContainsFunc(conditions, func(c Condition) bool { return !c.holds(t, name, set) })
					if got && !want {
						t.Errorf("%s %v is selected, and the policy does not push there: %q", name, set, conditions)
					}
					if want && !got {
						missing++
					}
				}
			}
			if (missing > 0) != tc.fewer {
				t.Errorf("%d targets are not selected: %q", missing, conditions)
			}
		})
	}
}

func reflected(list string) map[string]string {
	return map[string]string{reflectorAllowed: "true", reflectorAuto: "true", reflectorAutoList: list}
}

// FuzzCondition: whatever the patterns and the selector, the conditions never hold where they do not match.
func FuzzCondition(f *testing.F) {
	f.Add("team-*,!team-b", "tier in (a,b),!x", "team-a", "tier", "b")
	f.Add("a.b?", "a.b/c=d", "a.bc", "a.b/c", "d")
	f.Fuzz(func(t *testing.T, list, selector, name, key, value string) {
		isOther := func(r rune) bool { return r > 'z' || !isNameByte(byte(r)) }
		if strings.ContainsFunc(name, isOther) || strings.ContainsAny(key+value, "\n") {
			t.Skip("no name, key or value is like that")
		}
		set := map[string]string{key: value}
		if p, err := ParseNamePatterns(list); err == nil {
			if got, want := p.Condition().holds(t, name, nil), p.Match(name); got != want {
				t.Errorf("%q matches %q: %t, want %t", list, name, got, want)
			}
			if got, want := p.Negation().holds(t, name, nil), !p.Match(name); got != want {
				t.Errorf("%q does not match %q: %t, want %t", list, name, got, want)
			}
		}
		s, err := ParseSelector(selector)
		if err != nil || strings.Contains(key, "=") {
			return
		}
		c := SelectorCondition(s)
		if got := c.holds(t, name, set); got && !s.Matches(labels.Set(set)) {
			t.Errorf("%q selects %v: %q", selector, set, c)
		}
		if strings.Contains(c.String(), "\n") {
			t.Errorf("it has a line too many: %s", fmt.Sprintf("%q", c))
		}
	})
}
