package annotations_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

func TestNativeReach(t *testing.T) {
	runReachTests(t, map[string]reachTest{
		"push into the namespaces that match": {
			annotations: with(native+"push-to", "team-*"), wantSource: true, wantPush: teams,
		},
		"* alone is every namespace": {
			annotations: with(native+"push-to", "*"), wantSource: true, wantPush: all,
		},
		"an empty list is no namespace, but a source": {
			annotations: with(native+"push-to", "", native+"pull-by", " , "), wantSource: true,
		},
		"push into the namespaces whose labels match": {
			annotations: with(native+"push-to-selector", "team=a"), wantSource: true, wantPush: labelledA,
		},
		"with push-to, either suffices": {
			annotations: with(native+"push-to-selector", "team=a", native+"push-to", "default,team-b"),
			wantSource:  true, wantPush: []string{"default", "my-team-a", "team-a", "team-b"},
		},
		"a ! in push-to does not take away what the selector gives": {
			annotations: with(native+"push-to-selector", "team=a", native+"push-to", "team-*,!team-a"),
			wantSource:  true, wantPush: []string{"my-team-a", "team-a", "team-b"},
		},
		"objects in these namespaces may pull": {
			annotations: with(native+"pull-by", "team-?"), wantSource: true, wantPull: teams,
		},
		"likewise, by label; with pull-by, either suffices": {
			annotations: with(native+"pull-by-selector", "env in (prod),team", native+"pull-by", "a"),
			wantSource:  true, wantPull: []string{"a", "team-a"},
		},
		"a selector of absence": {
			annotations: with(native+"push-to-selector", "!team"), wantSource: true,
			wantPush: allBut("team-a", "team-b", "my-team-a"),
		},
		"exclude: never there, whatever the others say": {
			annotations: with(native+"push-to", "*", native+"push-to-selector", "team", native+"pull-by", "*",
				native+"exclude", "team-*,home"),
			wantSource: true,
			wantPush:   allBut("home", "team-a", "team-b"), wantPull: allBut("home", "team-a", "team-b"),
		},
		"exclude too is a list with its own !": {
			annotations: with(native+"push-to", "team-*", native+"exclude", "team-*,!team-b"),
			wantSource:  true, wantPush: []string{"team-b"},
		},
		"an empty selector is refused": {
			annotations: with(native+"push-to-selector", ""), wantSource: true,
			wantProblems: []string{native + "push-to-selector"},
		},
		"a blank selector is refused": {
			annotations: with(native+"pull-by-selector", " "), wantSource: true,
			wantProblems: []string{native + "pull-by-selector"},
		},
		"a malformed selector is refused": {
			annotations: with(native+"push-to-selector", "a in (", native+"push-to", "*"), wantSource: true,
			wantProblems: []string{native + "push-to-selector"},
		},
		"a selector whose end is cut off by a NUL is refused": {
			annotations: with(native+"push-to-selector", "team\x00\x00,env=prod"), wantSource: true,
			wantProblems: []string{native + "push-to-selector"},
		},
		"a list that only takes away has no effect": {
			annotations: with(native+"push-to", "!a"), wantSource: true, wantIgnored: []string{native + "push-to"},
		},
		"keys that say how but none that says where to are no source": {
			annotations: with(native+"exclude", "a", native+"on-delete", "bad"),
			wantIgnored: []string{native + "exclude", native + "on-delete"},
		},
		"pull-from names its source": {
			annotations: with(native+"pull-from", "ns-1/a.b"),
			wantFrom:    &annotations.Pull{From: types.NamespacedName{Namespace: "ns-1", Name: "a.b"}},
		},
		"pull-from may name an object in the same namespace": {
			annotations: with(native+"pull-from", "home/other"),
			wantFrom:    &annotations.Pull{From: types.NamespacedName{Namespace: "home", Name: "other"}},
		},
		"pull-from without a namespace": {
			annotations: with(native+"pull-from", "name"), wantProblems: []string{native + "pull-from"},
		},
		"pull-from with an empty name": {
			annotations: with(native+"pull-from", "ns/"), wantProblems: []string{native + "pull-from"},
		},
		"pull-from with one part too many": {
			annotations: with(native+"pull-from", "a/b/c"), wantProblems: []string{native + "pull-from"},
		},
		"pull-from with a namespace that can't be": {
			annotations: with(native+"pull-from", "a.b/c"), wantProblems: []string{native + "pull-from"},
		},
		"pull-from with a name that can't be": {
			annotations: with(native+"pull-from", "a/C"), wantProblems: []string{native + "pull-from"},
		},
		"pull-from with white space": {
			annotations: with(native+"pull-from", " a/b"), wantProblems: []string{native + "pull-from"},
		},
		"pull-from the object itself": {
			annotations: with(native+"pull-from", "home/cred"), wantProblems: []string{native + "pull-from"},
		},
	})
}

func TestNativeOptions(t *testing.T) {
	long := strings.Repeat("a", 253)
	tests := map[string]struct {
		key, value string
		// show tells of the policy what the key is about.
		show func(*annotations.Policy) any
		want any
		// wantProblem is part of the problem.
		wantProblem string
	}{
		"target-name": {
			key: "target-name", value: "other.name", show: targetName, want: "other.name",
		},
		"target-name of full length": {
			key: "target-name", value: long, show: targetName, want: long,
		},
		"target-name that is too long": {
			key: "target-name", value: long + "a", wantProblem: "can't be an object's name",
		},
		"target-name in capitals": {
			key: "target-name", value: "Cred", wantProblem: "can't be an object's name",
		},
		"target-name that is empty": {
			key: "target-name", value: "", wantProblem: "can't be an object's name",
		},
		"no target-name: the source's own": {show: targetName, want: "source"},
		"keys: only these data keys": {
			key: "keys", value: "a, b ,", show: keys, want: renames("a", "a", "b", "b"),
		},
		"keys: b=c writes b as c": {
			key: "keys", value: "b=c,tls.crt = ca.crt", show: keys, want: renames("b", "c", "tls.crt", "ca.crt"),
		},
		"keys: one under two names": {
			key: "keys", value: "a,a=b", show: keys, want: renames("a", "a", "a", "b"),
		},
		"keys: two names exchanged": {
			key: "keys", value: "a=b,b=a", show: keys, want: renames("a", "b", "b", "a"),
		},
		"no keys: all of them": {show: keys, want: []annotations.KeyRename(nil)},
		"keys: an empty list": {
			key: "keys", value: "", wantProblem: "names no data key",
		},
		"keys: only commas": {
			key: "keys", value: " , ,", wantProblem: "names no data key",
		},
		"keys: two entries for one": {
			key: "keys", value: "a=c,b=c", wantProblem: `writes the key "c" twice, from "a" and from "b"`,
		},
		"keys: an entry twice": {key: "keys", value: "a,a", wantProblem: "twice"},
		"keys: an invalid one": {
			key: "keys", value: "a/b", wantProblem: `"a/b" can't be a data key`,
		},
		"keys: dots": {
			key: "keys", value: "..", wantProblem: "can't be a data key",
		},
		"keys: too long": {
			key: "keys", value: long + "a", wantProblem: "can't be a data key",
		},
		"keys: half an entry": {
			key: "keys", value: "a=", wantProblem: "can't be a data key",
		},
		"keys: the other half": {
			key: "keys", value: "=a", wantProblem: "can't be a data key",
		},
		"keys: two signs": {
			key: "keys", value: "a=b=c", wantProblem: `"b=c" can't be a data key`,
		},
		"on-delete is remove by default": {show: onDelete, want: annotations.Remove},
		"on-delete: remove": {
			key: "on-delete", value: "remove", show: onDelete, want: annotations.Remove,
		},
		"on-delete: keep": {
			key: "on-delete", value: "keep", show: onDelete, want: annotations.Keep,
		},
		"on-delete: anything else": {
			key: "on-delete", value: "Keep", wantProblem: "neither remove nor keep",
		},
		"survives-recreation is not default": {show: survives, want: false},
		"survives-recreation: true": {
			key: "survives-recreation", value: "true", show: survives, want: true,
		},
		"survives-recreation: false": {
			key: "survives-recreation", value: "false", show: survives, want: false,
		},
		"survives-recreation: True": {
			key: "survives-recreation", value: "True", wantProblem: "neither true nor false",
		},
		"survives-recreation: 1": {
			key: "survives-recreation", value: "1", wantProblem: "neither true nor false",
		},
		"survives-recreation: nothing": {
			key: "survives-recreation", value: "", wantProblem: "neither true nor false",
		},
		"paused is not default": {show: paused, want: false},
		"paused: true": {
			key: "paused", value: "true", show: paused, want: true,
		},
		"paused: false": {
			key: "paused", value: "false", show: paused, want: false,
		},
		"paused: True": {
			key: "paused", value: "True", wantProblem: "neither true nor false",
		},
		"paused: 1": {
			key: "paused", value: "1", wantProblem: "neither true nor false",
		},
		"paused: nothing": {
			key: "paused", value: "", wantProblem: "neither true nor false",
		},
		"copy-labels": {
			key: "copy-labels", value: "app, example.com/*", show: copyLabels, want: "app,example.com/*",
		},
		"no copy-labels: nothing is, unless named": {show: copyLabels, want: ""},
		"copy-labels that can't be": {
			key: "copy-labels", value: "(a|b)", wantProblem: "regular expression",
		},
		"copy-annotations": {
			key: "copy-annotations", value: "*,!a", show: copyAnnotations, want: "*,!a",
		},
		"attach-to-service-accounts": {
			key: "attach-to-service-accounts", value: "default,ci.*", show: attachTo, want: "default,ci.*",
		},
		"attach-to-service-accounts of a regular expression": {
			key: "attach-to-service-accounts", value: "^x$", wantProblem: "regular expression",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			m := with(native+"push-to", "*")
			if tc.key != "" {
				m[native+tc.key] = tc.value
			}
			claims := annotations.Parse("ns", "source", m)
			if tc.wantProblem != "" {
				if len(claims.Problems) != 1 || !strings.Contains(claims.Problems[0].Reason, tc.wantProblem) {
					t.Fatalf("problems = %v, want %q", claims.Problems, tc.wantProblem)
				}
				return
			}
			if len(claims.Problems)+len(claims.Ignored) > 0 {
				t.Fatalf("problems = %v, ignored = %v", claims.Problems, claims.Ignored)
			}
			if diff := cmp.Diff(tc.want, tc.show(claims.Policy)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func targetName(p *annotations.Policy) any { return p.ReplicaName("source") }
func keys(p *annotations.Policy) any       { return p.Keys }
func onDelete(p *annotations.Policy) any   { return p.OnDelete }
func survives(p *annotations.Policy) any   { return p.SurvivesRecreation }

func paused(p *annotations.Policy) any          { return p.Paused }
func copyLabels(p *annotations.Policy) any      { return p.CopyLabels.String() }
func copyAnnotations(p *annotations.Policy) any { return p.CopyAnnotations.String() }
func attachTo(p *annotations.Policy) any        { return p.AttachTo.String() }

func renames(pairs ...string) []annotations.KeyRename {
	var keys []annotations.KeyRename
	for i := 0; i < len(pairs); i += 2 {
		keys = append(keys, annotations.KeyRename{From: pairs[i], To: pairs[i+1]})
	}
	return keys
}

func TestNilPolicy(t *testing.T) {
	var p *annotations.Policy
	for _, ask := range []func(string, map[string]string) (bool, error){
		p.PushesTo, p.PullableBy, (&annotations.Policy{}).PushesTo,
	} {
		if yes, err := ask("default", nil); yes || err != nil {
			t.Errorf("= %t, %v", yes, err)
		}
	}
	if got := p.ReplicaName("x"); got != "x" {
		t.Errorf("ReplicaName = %q", got)
	}
}
