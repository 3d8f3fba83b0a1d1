package annotations_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

func TestNamespacePatterns(t *testing.T) {
	tests := map[string]struct {
		patterns string
		want     []string
	}{
		"nothing matches nothing":                          {"", none},
		"blanks match nothing":                             {" ,\t,\n", none},
		"a name":                                           {"team-a", []string{"team-a"}},
		"each matches the whole name":                      {"team", none},
		"a list":                                           {"team-a,ab", []string{"ab", "team-a"}},
		"white space around each is dropped":               {" team-a ,\n\tab\n", []string{"ab", "team-a"}},
		"empty entries are skipped":                        {",team-a,,", []string{"team-a"}},
		"* is any run of characters":                       {"team-*", teams},
		"* may be no character":                            {"a*b*", []string{"ab"}},
		"* in front":                                       {"*-a", labelledA},
		"* alone is every namespace":                       {"*", all},
		"? is any one":                                     {"team-?", teams},
		"? is not none":                                    {"a?", []string{"ab"}},
		"a ! takes away what the others gave":              {"team-*,!team-b", []string{"team-a"}},
		"the order does not matter":                        {"!team-b,team-*", []string{"team-a"}},
		"what a ! took is not given back":                  {"!team-*,team-a,ab", []string{"ab"}},
		"only a ! gives nothing":                           {"!team-a", none},
		"white space after the !":                          {"team-*,! team-a", []string{"team-b"}},
		"many stars":                                       {"*t*e*a*m*a*", []string{"my-team-a", "team-a"}},
		"everything but":                                   {"*,!kube-*,!default", allBut("kube-system", "default")},
		"a pattern that no name matches is none the worse": {"-a-", none},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			patterns, err := annotations.ParseNamespacePatterns(tc.patterns)
			if err != nil {
				t.Fatal(err)
			}
			got := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return !patterns.Match(n) })
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%q matches (-want +got):\n%s", tc.patterns, diff)
			}
			if patterns.Empty() != (strings.Trim(tc.patterns, " \t\n,") == "") {
				t.Errorf("Empty = %t", patterns.Empty())
			}
			reparsed, err := annotations.ParseNamespacePatterns(patterns.String())
			if err != nil || !reparsed.Equal(patterns) {
				t.Errorf("%q is written %q and read %q (%v)", tc.patterns, patterns, reparsed, err)
			}
		})
	}
}

func TestZeroPatterns(t *testing.T) {
	var p annotations.Patterns
	if p.Match("") || p.Match("a") || p.MatchKey("a") || !p.Empty() || p.String() != "" {
		t.Errorf("the zero value is %+v", p)
	}
}

func TestMalformedPatterns(t *testing.T) {
	tests := map[string]struct {
		parse          func(string) (annotations.Patterns, error)
		patterns, want string
	}{
		"a dot in a namespace": {annotations.ParseNamespacePatterns, "a.b", "looks like a regular expression"},
		"a regular expression": {
			annotations.ParseNamespacePatterns, "^team-.*$", "looks like a regular expression",
		},
		"alternatives":                {annotations.ParseNamespacePatterns, "(a|b)", "looks like a regular expression"},
		"a regular expression later":  {annotations.ParseNamespacePatterns, "ok, .*", `pattern ".*"`},
		"capitals":                    {annotations.ParseNamespacePatterns, "Team", "lower case"},
		"an underscore":               {annotations.ParseNamespacePatterns, "a_b", `"_"`},
		"white space for commas":      {annotations.ParseNamespacePatterns, "a b", "with commas"},
		"lines for commas":            {annotations.ParseNamespacePatterns, "a\nb", "with commas"},
		"semicolons for commas":       {annotations.ParseNamespacePatterns, "a;b", "with commas"},
		"a lonely !":                  {annotations.ParseNamespacePatterns, "a,!", "name after it what to take away"},
		"two !":                       {annotations.ParseNamespacePatterns, "!!a", "after its beginning"},
		"an umlaut":                   {annotations.ParseNamespacePatterns, "ä", `"ä"`},
		"a control character":         {annotations.ParseNamespacePatterns, "a\x1b[31m", `"\x1b"`},
		"a slash in a name":           {annotations.ParseNamePatterns, "a/b", `"/"`},
		"brackets in a name":          {annotations.ParseNamePatterns, "[ab]", "looks like a regular expression"},
		"an expression for a key":     {annotations.ParseKeyPatterns, "a|b", "looks like a regular expression"},
		"something else for a key":    {annotations.ParseKeyPatterns, "a=b", `"="`},
		"a very long pattern is cut":  {annotations.ParseNamespacePatterns, strings.Repeat("a", 500) + "_", "…"},
		"half a character is escaped": {annotations.ParseNamespacePatterns, "a\xc3", `\xc3`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			patterns, err := tc.parse(tc.patterns)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%q: %v, want %q", tc.patterns, err, tc.want)
			}
			if !patterns.Empty() {
				t.Errorf("%q is unreadable and selects %q", tc.patterns, patterns)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestNamePatterns(t *testing.T) {
	patterns, err := annotations.ParseNamePatterns("ci.*,default")
	if err != nil || !patterns.Match("ci.runner") || !patterns.Match("default") || patterns.Match("cixrunner") {
		t.Errorf("%q, %v", patterns, err)
	}
}

func TestMatchKey(t *testing.T) {
	const flux = "kustomize.toolkit.fluxcd.io/name"
	tests := map[string]struct {
		patterns, key string
		want          bool
	}{
		"a key":                                  {"app", "app", true},
		"a wildcard spans the slash":             {"*", "example.com/team", true},
		"capitals":                               {"Team_*", "Team_A", true},
		"a tool's key is not meant by *":         {"*", "argocd.argoproj.io/instance", false},
		"nor by a longer wildcard":               {"argocd.argoproj.io/*", "argocd.argoproj.io/instance", false},
		"nor by a ?":                             {"argocd.argoproj.io/instanc?", "argocd.argoproj.io/instance", false},
		"it is where named in full":              {"argocd.argoproj.io/instance", "argocd.argoproj.io/instance", true},
		"also beside a *":                        {"*,helm.sh/chart", "helm.sh/chart", true},
		"not where it is taken away too":         {"helm.sh/chart,!helm.sh/*", "helm.sh/chart", false},
		"naming it to take it away is no naming": {"*,!helm.sh/chart", "helm.sh/chart", false},
		"kubectl's":                              {"*", "kubectl.kubernetes.io/last-applied-configuration", false},
		"Flux's":                                 {"*", flux, false},
		"Flux's, named in full":                  {flux, flux, true},
		"Helm's annotations":                     {"*", "meta.helm.sh/release-name", false},
		"Helm's labels":                          {"*", "helm.sh/chart", false},
		"app.kubernetes.io/instance":             {"app.kubernetes.io/*", "app.kubernetes.io/instance", false},
		"app.kubernetes.io/managed-by":           {"app.kubernetes.io/*", "app.kubernetes.io/managed-by", false},
		"app.kubernetes.io/name tracks nothing":  {"app.kubernetes.io/*", "app.kubernetes.io/name", true},
		"a look-alike of a tool's":               {"*", "nothelm.sh/chart", true},
		"a look-alike of Flux's":                 {"*", "nottoolkit.fluxcd.io/x", true},
		"Mirrorball's never":                     {"*,mirrorball.dev/push-to", "mirrorball.dev/push-to", false},
		"Reflector's never":                      {allowed, allowed, false},
		"kubernetes-replicator's never":          {replicateTo, replicateTo, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			patterns, err := annotations.ParseKeyPatterns(tc.patterns)
			if err != nil {
				t.Fatal(err)
			}
			if got := patterns.MatchKey(tc.key); got != tc.want {
				t.Errorf("%q matches %q: %t, want %t", tc.patterns, tc.key, got, tc.want)
			}
		})
	}
}

// A glob means what the regular expression means that one would naively make of it.
func TestGlobsAsRegexps(t *testing.T) {
	glob := rapid.StringMatching(`!?[ab*?-]{1,8}`)
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(glob, 0, 4).Draw(t, "globs")
		name := rapid.StringMatching(`[ab-]{0,12}`).Draw(t, "name")
		given, taken := false, false
		for _, g := range list {
			text, takes := strings.CutPrefix(g, "!")
			re := regexp.MustCompile("^" + strings.NewReplacer("*", ".*", "?", ".").Replace(text) + "$")
			if re.MatchString(name) {
				given, taken = given || !takes, taken || takes
			}
		}
		patterns, err := annotations.ParseNamespacePatterns(strings.Join(list, ","))
		if err != nil {
			t.Fatal(err)
		}
		if want, got := given && !taken, patterns.Match(name); got != want {
			t.Fatalf("%q matches %q: %t, want %t", patterns, name, got, want)
		}
	})
}

func TestManyStars(t *testing.T) {
	patterns, err := annotations.ParseNamespacePatterns(strings.Repeat("*a", 5000) + "*b")
	if err != nil {
		t.Fatal(err)
	}
	// With backtracking over every star this would outlast the universe.
	if patterns.Match(strings.Repeat("a", 10000)) {
		t.Error("a name without a b matches")
	}
}

func TestMatchAllocs(t *testing.T) {
	policy := annotations.Parse("ns", "n", with(native+"push-to", "team-*,!team-b,*-x",
		native+"push-to-selector", "team=a", native+"exclude", "kube-*")).Policy
	if n := testing.AllocsPerRun(100, func() {
		policy.Exclude.Match("some-namespace")
		policy.CopyLabels.MatchKey("argocd.argoproj.io/instance")
		_, _ = policy.PushesTo("team-b", world["team-b"])
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
