package annotations

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestExpressionEngine(t *testing.T) {
	const literal, linear, dotNet = "a plain name", "Go's engine", ".NET's engine"
	tests := map[string]struct {
		text string
		want string
	}{
		"a name":                         {"kube-system", literal},
		"plain":                          {"team-.*", linear},
		"anchors":                        {"^team-.*$", linear},
		"alternatives":                   {"^(a|b)|c$", linear},
		"groups":                         {"(?:a|b)+?-(c)?", linear},
		"a class":                        {"[a-z0-9-]+", linear},
		"a negated class":                {"[^a-c.]+", linear},
		"a dash at the start of a class": {"[-a]", linear},
		"escapes":                        {`a\.b\-\d+`, linear},
		"lazy repetitions":               {"a*?b+?c??", linear},
		"the recipe":                     {"^(?!(?:default|kube-system)$).*", dotNet},
		"a look-behind":                  {"^.*(?<!-test)$", dotNet},
		"a back reference":               {`(a)\1`, dotNet},
		"an atomic group":                {"(?>a*)b", dotNet},
		"an option":                      {"(?i)a", dotNet},
		"an option that is off":          {"(?-i)a", dotNet},
		"a named group":                  {"(?<n>a)", dotNet},
		"a count":                        {"a{2}", dotNet},
		"a class that subtracts":         {"[a-z-[b]]", dotNet},
		"a class that begins with ]":     {"[]a]", dotNet},
		"a dash between ranges":          {"[a-c-e]", dotNet},
		"a dash only":                    {"[-]", dotNet},
		"an escape in a class":           {`[\d]`, dotNet},
		"word characters of Unicode":     {`\w`, dotNet},
		"a boundary":                     {`a\b`, dotNet},
		"an escaped parenthesis":         {`a\)`, dotNet},
		"a capital":                      {"A.*", dotNet},
		"a space":                        {"a *", dotNet},
		"a repeated anchor":              {"^*a", dotNet},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := &parser{annotations: map[string]string{reflectorAllowedList: tc.text}}
			list := p.expressions(reflectorAllowedList, dotNetSyntax)
			if list.empty() {
				t.Fatalf("%q: %v", tc.text, p.claims.Problems)
			}
			programs, err := list.programs()
			if err != nil {
				t.Fatal(err)
			}
			got := literal
			for _, e := range programs {
				switch {
				case e.linear != nil && e.dotNet != nil:
					got = "two engines"
				case e.linear != nil:
					got = linear
				case e.dotNet != nil:
					got = dotNet
					if e.dotNet.MatchTimeout != defaultLimits.matchTimeout() {
						t.Errorf("its timeout is %s", e.dotNet.MatchTimeout)
					}
				}
			}
			if got != tc.want {
				t.Errorf("%q runs as %s, want %s", tc.text, got, tc.want)
			}
		})
	}
}

// compareEngines reports whether Go's engine runs an expression, and which of the names match. Both engines have to
// read the expression alike.
func compareEngines(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string, names ...string,
) (linear bool, matches int) {
	t.Helper()
	if isLiteral(text) {
		return false, 0
	}
	if _, err := checkDotNet(text); err != nil {
		return false, 0
	}
	e, err := compile(text, dotNetSyntax)
	if err != nil || e.linear == nil {
		return false, 0
	}
	backtracking, err := compileDotNet(`\A(?:` + text + `)\z`)
	if err != nil {
		t.Fatalf("%q is read by Go only: %v", text, err)
	}
	backtracking.MatchTimeout = defaultLimits.matchTimeout()
	for _, name := range names {
		want, err := backtracking.MatchString(name)
		if err != nil {
			continue // it takes too long, which is why Go's engine runs it
		}
		if got, err := e.match(name); err != nil || got != want {
			t.Fatalf("%q matches %q: %t, %v; with .NET's engine %t", text, name, got, err, want)
		}
		if want {
			matches++
		}
	}
	return true, matches
}

// shortNames returns all names of at most four characters that are made of a, b, 1, - and a dot.
func shortNames() []string {
	names := []string{""}
	for first, length := 0, 1; length <= 4; length++ {
		last := len(names)
		for _, name := range names[first:last] {
			for _, c := range "ab1-." {
				names = append(names, name+string(c))
			}
		}
		first = last
	}
	return names
}

func TestEnginesAgree(t *testing.T) {
	names := shortNames()
	t.Run("on expressions that people write", func(t *testing.T) {
		for _, text := range []string{
			"a.*", ".*-b", "a|b", "^a$|^b", "(a|b)+", "(?:a|ab)(b|)", "(a*)*", "(|a)+", "(?:^|b)a", "a(b|$)", "[ab]+", "[^a]*",
			"[a-]+", "[-1]?.", "[.a]{0}|.", `\d+`, `a\.b`, `\-.*`, "a*?b+?1??", "()*a", "(a+)+b", "$|a", "a^|b",
		} {
			linear, matches := compareEngines(t, text, names...)
			if linear == strings.Contains(text, "{") || linear && matches == 0 {
				t.Errorf("%q runs in Go's engine: %t, and matches %d names", text, linear, matches)
			}
		}
	})
	t.Run("on any that Go's engine runs", func(t *testing.T) {
		part := rapid.SampledFrom([]string{
			"a", "b", "-", ".", "1", "[ab]", "[^a]", "[a-]", "[-1]", "[a-c]", "[^-0-9a]", "[.a]", `\.`, `\-`, `\d`, "^", "$",
			"(a|b)", "(?:a|ab)", "(a*)", "(|a)", "()", "(?:^|a)", "(b|$)", "(?:a+b?)", "|", "(", "(?:", ")", "[", "]", `\`,
			"?", "*", "+", "{", "!", "=", "<", "i",
		})
		rapid.Check(t, func(t *rapid.T) {
			compareEngines(t, strings.Join(rapid.SliceOfN(part, 1, 8).Draw(t, "parts"), ""), names...)
		})
	})
}

func FuzzEngines(f *testing.F) {
	f.Add("team-.*", "team-a")
	f.Add("(|a)*$|^[^a-c-]+?", "a")
	f.Add(`(?:\d\.)??[a.-]`, "1.a")
	f.Fuzz(func(t *testing.T, text, name string) {
		if len(text) > 100 || !couldName(name, 63) {
			return
		}
		compareEngines(t, text, name)
	})
}

func TestMaxExpressions(t *testing.T) {
	half := strings.Repeat("a", maxExpressions/2-1) + "."
	for name, tc := range map[string]struct {
		list string
		want int
	}{
		"just within the limit":           {half + "," + half, 0},
		"one character more":              {half + ",a" + half, 1},
		"plain names do not count":        {half + "," + half + ",kube-system", 0},
		"nor do blanks around the commas": {half + " , " + half, 0},
	} {
		t.Run(name, func(t *testing.T) {
			claims := Parse("ns", "n", map[string]string{reflectorAllowed: "true", reflectorAllowedList: tc.list})
			if len(claims.Problems) != tc.want {
				t.Errorf("%d problems, want %d", len(claims.Problems), tc.want)
			}
		})
	}
}

func TestMaxInstructions(t *testing.T) {
	for text, want := range map[string]int{
		strings.Repeat("((x{10}){10}){10},", 6): 0,
		strings.Repeat("((x{10}){10}){10},", 7): 1,
		strings.Repeat("x{1000},", 6):           0,
		strings.Repeat("x{1000},", 7):           1,
		strings.Repeat("[a-c]x+", 4000):         1,
	} {
		if got := Parse("ns", "n", map[string]string{replicatorTo: text}).Problems; len(got) != want {
			t.Errorf("%.40s: %d problems, want %d", text, len(got), want)
		}
	}
}
