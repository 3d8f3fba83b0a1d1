package annotations_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

const (
	native     = "mirrorball.dev/"
	reflector  = "reflector.v1.k8s.emberstack.com/"
	replicator = "replicator.v1.mittwald.de/"
)

// self is the object that is parsed in every test.
var self = types.NamespacedName{Namespace: "home", Name: "cred"}

// world is the namespaces that reaches are tried on.
var world = map[string]map[string]string{
	"home":        {},
	"default":     {},
	"kube-system": {},
	"team-a":      {"team": "a", "env": "prod"},
	"team-b":      {"team": "b"},
	"my-team-a":   {"team": "a"},
	"a":           {},
	"ab":          {},
}

var (
	none      []string
	all       = slices.Sorted(maps.Keys(world))
	allBut    = func(names ...string) []string { return without(all, names) }
	teams     = []string{"team-a", "team-b"}
	labelledA = []string{"my-team-a", "team-a"}
)

func without(from, names []string) []string {
	return slices.DeleteFunc(slices.Clone(from), func(n string) bool { return slices.Contains(names, n) })
}

// reachTest says of one object what its annotations make of it.
type reachTest struct {
	annotations map[string]string
	// wantSource says that there is a policy, frozen or not.
	wantSource         bool
	wantDialect        annotations.Dialect
	wantPush, wantPull []string
	wantFrom           *annotations.Pull
	wantMirror         *types.NamespacedName
	wantPushedVersion  string
	// wantProblems and wantIgnored are keys.
	wantProblems, wantIgnored []string
}

func runReachTests(t *testing.T, tests map[string]reachTest) {
	t.Helper()
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			claims := annotations.Parse(self.Namespace, self.Name, tc.annotations)
			got := reachTest{
				annotations:       tc.annotations,
				wantSource:        claims.Policy != nil,
				wantFrom:          claims.PullFrom,
				wantMirror:        claims.Mirror,
				wantPushedVersion: claims.PushedVersion,
				wantProblems:      keysOf(claims.Problems),
				wantIgnored:       keysOf(claims.Ignored),
			}
			if claims.Policy != nil {
				got.wantDialect = claims.Policy.Dialect
			}
			for _, namespace := range all {
				if try(t, claims.Policy.PushesTo, namespace) {
					got.wantPush = append(got.wantPush, namespace)
				}
				if try(t, claims.Policy.PullableBy, namespace) {
					got.wantPull = append(got.wantPull, namespace)
				}
			}
			if diff := cmp.Diff(tc, got, cmp.AllowUnexported(reachTest{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("claims (-want +got):\n%s\nproblems: %v\nignored: %v", diff, claims.Problems, claims.Ignored)
			}
			for _, p := range slices.Concat(claims.Problems, claims.Ignored) {
				value := tc.annotations[p.Key]
				if p.Reason == "" || p.Value == "" != (value == "") || !strings.HasPrefix(value, p.Value) {
					t.Errorf("a reason and the value are wanted in %#v", p)
				}
			}
		})
	}
}

func try(t *testing.T, ask func(string, map[string]string) (bool, error), namespace string) bool {
	t.Helper()
	yes, err := ask(namespace, world[namespace])
	if err != nil {
		t.Errorf("namespace %s: %v", namespace, err)
	}
	return yes
}

func keysOf(problems []annotations.Problem) []string {
	var keys []string
	for _, p := range problems {
		keys = append(keys, p.Key)
	}
	return keys
}

// with is the annotations of pairs "key", "value".
func with(pairs ...string) map[string]string {
	m := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func TestDialectPrecedence(t *testing.T) {
	runReachTests(t, map[string]reachTest{
		"an object without annotations claims nothing": {},
		"an object with strangers' annotations claims nothing": {
			annotations: with("kubectl.kubernetes.io/last-applied-configuration", "{}"),
		},
		"a replica's own marks claim nothing": {
			annotations: with(native+"replica-of", "a/b", native+"replicated-at", "2026-01-01T00:00:00Z",
				native+"copied-labels", "a", native+"copied-annotations", "b", native+"replicated-keys", "k"),
		},
		"native push keys on a source win over Reflector's on the same object": {
			annotations: with(native+"push-to", "team-*", reflector+"reflection-allowed", "true",
				reflector+"reflection-auto-enabled", "true"),
			wantSource: true, wantPush: teams,
			wantIgnored: []string{reflector + "reflection-allowed", reflector + "reflection-auto-enabled"},
		},
		"native pull keys on a source win over kubernetes-replicator's on the same object": {
			annotations: with(native+"pull-by", "a", replicator+"replicate-to", ".*",
				replicator+"strip-labels", "true"),
			wantSource: true, wantPull: []string{"a"},
			wantIgnored: []string{replicator + "replicate-to", replicator + "strip-labels"},
		},
		"native keys win also where they select nothing": {
			annotations: with(native+"push-to", "", replicator+"replicate-to", ".*"),
			wantSource:  true, wantIgnored: []string{replicator + "replicate-to"},
		},
		"native keys win also where they can't be read": {
			annotations:  with(native+"push-to", "a.*", replicator+"replicate-to", ".*"),
			wantSource:   true,
			wantProblems: []string{native + "push-to"}, wantIgnored: []string{replicator + "replicate-to"},
		},
		"of the two other dialects Reflector's is followed": {
			annotations: with(reflector+"reflection-allowed", "true", replicator+"replicate-to", ".*"),
			wantSource:  true, wantDialect: annotations.Reflector, wantPull: all,
			wantIgnored: []string{replicator + "replicate-to"},
		},
		"every other native key may stand beside Reflector's": {
			annotations: with(reflector+"reflection-allowed", "true", reflector+"reflection-auto-enabled", "true",
				native+"exclude", "kube-*"),
			wantSource: true, wantDialect: annotations.Reflector,
			wantPush: allBut("kube-system"), wantPull: allBut("kube-system"),
		},
		"every other native key may stand beside kubernetes-replicator's": {
			annotations: with(replicator+"replicate-to", "team-.", native+"exclude", "team-a"),
			wantSource:  true, wantDialect: annotations.Replicator, wantPush: []string{"team-b"},
		},
		"a puller is followed in the native dialect first": {
			annotations: with(native+"pull-from", "x/y", reflector+"reflects", "a/b",
				replicator+"replicate-from", "c/d"),
			wantFrom: &annotations.Pull{
				From: types.NamespacedName{Namespace: "x", Name: "y"}, Dialect: annotations.Native,
			},
			wantIgnored: []string{reflector + "reflects", replicator + "replicate-from"},
		},
		"a puller is followed in Reflector's dialect second": {
			annotations: with(reflector+"reflects", "a/b", replicator+"replicate-from", "c/d"),
			wantFrom: &annotations.Pull{
				From: types.NamespacedName{Namespace: "a", Name: "b"}, Dialect: annotations.Reflector,
			},
			wantIgnored: []string{replicator + "replicate-from"},
		},
		"an object that pulls is no source (no chains)": {
			annotations: with(native+"pull-from", "x/y", native+"push-to", "*", native+"exclude", "a",
				reflector+"reflection-allowed", "true", replicator+"replicate-to", ".*"),
			wantFrom: &annotations.Pull{From: types.NamespacedName{Namespace: "x", Name: "y"}},
			wantIgnored: []string{native + "exclude", native + "push-to",
				reflector + "reflection-allowed", replicator + "replicate-to"},
		},
		"one that pulls in Reflector's dialect is no native source either": {
			annotations: with(reflector+"reflects", "x/y", native+"push-to", "*"),
			wantFrom: &annotations.Pull{
				From: types.NamespacedName{Namespace: "x", Name: "y"}, Dialect: annotations.Reflector,
			},
			wantIgnored: []string{native + "push-to"},
		},
		"a key that is misspelt is ignored": {
			annotations: with(native+"push-too", "*"),
			wantIgnored: []string{native + "push-too"},
		},
		"accept-from belongs on a Namespace": {
			annotations: with(native+"accept-from", "*"),
			wantIgnored: []string{native + "accept-from"},
		},
	})
}

func TestUnknownKeys(t *testing.T) {
	tests := map[string]struct {
		key  string
		want string
	}{
		"a letter too many":           {native + "push-too", "did you mean " + native + "push-to?"},
		"a letter too few":            {native + "exclud", "did you mean " + native + "exclude?"},
		"two letters swapped":         {native + "pull-yb", "did you mean " + native + "pull-by?"},
		"swapped, and one too many":   {native + "exculdee", "did you mean " + native + "exclude?"},
		"an underscore":               {native + "pull_from", "did you mean " + native + "pull-from?"},
		"one of Reflector's":          {reflector + "reflect", "did you mean " + reflector + "reflects?"},
		"one of the other's":          {replicator + "replicate-too", "did you mean " + replicator + "replicate-to?"},
		"nothing near":                {native + "colour", "is not a key that Mirrorball reads"},
		"nothing after the slash":     {native, "is not a key that Mirrorball reads"},
		"right, in the wrong dialect": {native + "reflection-allowed", "is not a key that Mirrorball reads"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			ignored := annotations.Parse("ns", "n", with(tc.key, "x")).Ignored
			if len(ignored) != 1 || !strings.HasSuffix(ignored[0].Reason, tc.want) {
				t.Errorf("ignored = %v, want one that ends in %q", ignored, tc.want)
			}
		})
	}
}

func TestHas(t *testing.T) {
	tests := map[string]struct {
		annotations map[string]string
		want        bool
	}{
		"none":                              {nil, false},
		"a stranger's":                      {with("a/b", "c"), false},
		"a native key":                      {with(native+"exclude", ""), true},
		"a misspelt native key":             {with(native+"nope", ""), true},
		"Reflector's":                       {with(reflector+"reflects", ""), true},
		"kubernetes-replicator's":           {with(replicator+"replicate-from", ""), true},
		"what kubernetes-replicator pushed": {with(replicator+"replicated-from-version", "1"), true},
		"Mirrorball's marks":                {with(native+"replica-of", "a/b", native+"attached", "x"), false},
		"Reflector's marks without what it is of": {
			with(reflector+"reflected-version", "1", reflector+"auto-reflects", "True"), false,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := annotations.Has(tc.annotations); got != tc.want {
				t.Errorf("Has = %t, want %t", got, tc.want)
			}
		})
	}
}

func TestFrozenSource(t *testing.T) {
	bad := map[string]string{
		native + "exclude":                    "a.*",
		native + "target-name":                "No",
		native + "keys":                       "",
		native + "copy-labels":                "a b",
		native + "copy-annotations":           "^a",
		native + "attach-to-service-accounts": "Default",
		native + "on-delete":                  "Keep",
		native + "survives-recreation":        "True",
		native + "push-to-selector":           "",
		native + "pull-by-selector":           "a in",
		native + "pull-from":                  "nobody",
	}
	for key, value := range bad {
		t.Run(key, func(t *testing.T) {
			good := with(native+"push-to", "*", native+"pull-by", "*")
			good[key] = value
			claims := annotations.Parse("ns", "n", good)
			if got := keysOf(claims.Problems); !slices.Equal(got, []string{key}) {
				t.Errorf("problems with %v, want %s", got, key)
			}
			if claims.Policy == nil {
				t.Fatal("no policy: a frozen source is a source")
			}
			if claims.Policy.Push != nil || claims.Policy.Pull != nil {
				t.Errorf("push %s, pull %s, want none", claims.Policy.Push, claims.Policy.Pull)
			}
		})
	}
}

func TestProblemOrder(t *testing.T) {
	m := with(native+"push-to", "A", native+"keys", "", native+"exclude", "^", native+"on-delete", "x",
		native+"zzz", "", native+"aaa", "", replicator+"replicate-to", "x", reflector+"reflection-allowed", "x")
	for range 20 {
		claims := annotations.Parse("ns", "n", m)
		for _, keys := range [][]string{keysOf(claims.Problems), keysOf(claims.Ignored)} {
			if len(keys) != 4 || !slices.IsSorted(keys) {
				t.Fatalf("keys = %v, want 4, sorted", keys)
			}
		}
	}
}

func TestPolicyAnnotations(t *testing.T) {
	policy := with(
		native+"push-to", "a", native+"push-to-selector", "b", native+"pull-by", "c", native+"pull-by-selector", "d",
		native+"exclude", "e", native+"target-name", "f", native+"keys", "g", native+"copy-labels", "h",
		native+"copy-annotations", "i", native+"attach-to-service-accounts", "j", native+"on-delete", "k",
		native+"survives-recreation", "l",
		reflector+"reflection-allowed", "a", reflector+"reflection-allowed-namespaces", "b",
		reflector+"reflection-allowed-namespaces-selector", "c", reflector+"reflection-auto-enabled", "d",
		reflector+"reflection-auto-namespaces", "e", reflector+"reflection-auto-namespaces-selector", "f",
		replicator+"replicate-to", "a", replicator+"replicate-to-matching", "b", replicator+"replication-allowed", "c",
		replicator+"replication-allowed-namespaces", "d", replicator+"strip-labels", "e",
	)
	other := with(
		"a", "b", native+"pull-from", "a/b", native+"accept-from", "*", native+"replica-of", "a/b", native+"nope", "",
		native+"replicated-at", "t", native+"attached", "x",
		reflector+"reflects", "a/b", reflector+"auto-reflects", "True", reflector+"reflected-version", "1",
		reflector+"reflected-at", "t",
		replicator+"replicate-from", "a/b", replicator+"replicated-at", "t", replicator+"replicated-from-version", "1",
		replicator+"replicated-keys", "k", replicator+"keep-owner-references", "true",
	)
	both := maps.Clone(policy)
	maps.Copy(both, other)
	if diff := cmp.Diff(policy, annotations.PolicyAnnotations(both)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := annotations.PolicyAnnotations(other); got != nil {
		t.Errorf("of annotations without a policy: %v, want nil", got)
	}
}

func TestAcceptFrom(t *testing.T) {
	tests := map[string]struct {
		annotations map[string]string
		wantAll     bool
		want        []string
		wantProblem string
	}{
		"absent: all":      {annotations: with("a", "b"), wantAll: true},
		"empty: none":      {annotations: with(native+"accept-from", "")},
		"blank: none":      {annotations: with(native+"accept-from", " , ")},
		"patterns":         {annotations: with(native+"accept-from", "team-*, !team-b"), want: []string{"team-a"}},
		"unreadable: none": {annotations: with(native+"accept-from", "team-.*"), wantProblem: "regular expression"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			patterns, problem := annotations.ParseAcceptFrom(tc.annotations)
			if (patterns == nil) != tc.wantAll {
				t.Fatalf("patterns = %v, want nil: %t", patterns, tc.wantAll)
			}
			if patterns != nil {
				got := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return !patterns.Match(n) })
				if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("accepted (-want +got):\n%s", diff)
				}
			}
			if (problem != nil) != (tc.wantProblem != "") {
				t.Fatalf("problem = %v, want %q", problem, tc.wantProblem)
			}
			if problem != nil && !strings.Contains(problem.String(), tc.wantProblem) {
				t.Errorf("problem = %v, want %q", problem, tc.wantProblem)
			}
		})
	}
}

func TestPaused(t *testing.T) {
	for value, want := range map[string]struct{ paused, problem bool }{
		"true": {true, false}, "false": {false, false}, "": {true, true}, "True": {true, true}, "1": {true, true},
	} {
		t.Run(value, func(t *testing.T) {
			paused, problem := annotations.ParsePaused(with(native+"paused", value))
			if paused != want.paused || (problem != nil) != want.problem {
				t.Errorf("paused %t, problem %v, want %+v", paused, problem, want)
			}
		})
	}
	if paused, problem := annotations.ParsePaused(with("a", "b")); paused || problem != nil {
		t.Errorf("without the annotation: paused %t, problem %v", paused, problem)
	}
}
