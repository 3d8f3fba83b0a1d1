package annotations

import (
	"testing"

	"pgregory.net/rapid"
)

func TestWhichExpressionsRunLinearly(t *testing.T) {
	tests := map[string]struct {
		text string
		want bool
	}{
		"plain":                            {"team-.*", true},
		"anchors":                          {"^team-.*$", true},
		"alternatives":                     {"^(a|b)|c$", true},
		"groups":                           {"(?:a|b)+?-(c)?", true},
		"classes":                          {"[a-z0-9-]+", true},
		"negated classes":                  {"[^a-c.]+", true},
		"escapes":                          {`a\.b\-\d+`, true},
		"the recipe":                       {"^(?!(?:default|kube-system)$).*", true},
		"the recipe unanchored":            {"(?!kube-).*", true},
		"two look-aheads":                  {"^(?!kube-)(?=.*-prod).+$", true},
		"a look-behind at the end":         {"^.*(?<!-test)$", true},
		"both":                             {"^(?!kube-).*(?<=-prod)", true},
		"alternatives beside a look-ahead": {"(?!a)b|c", false},
		"alternatives after it, grouped":   {"(?!a)(b|c)", true},
		"a look-ahead that is repeated":    {"(?!a)*b", false},
		"a look-ahead that may be absent":  {"(?!a)?b", false},
		"a look-ahead that is counted":     {"(?!a){2}b", false},
		"a look-ahead in the middle":       {"a(?!b).*", false},
		"a look-ahead in a group":          {"((?!b).)*", false},
		"a look-ahead in a look-ahead":     {"(?!a(?!b)).*", false},
		"a look-behind in the middle":      {".*(?<!a)b", false},
		"back references":                  {`(a)\1`, false},
		"atomic groups":                    {"(?>a*)b", false},
		"options":                          {"(?i)a", false},
		"named groups":                     {"(?<n>a)", false},
		"counts":                           {"a{2}", false},
		"subtraction":                      {"[a-z-[b]]", false},
		"a ] as the first of a class":      {"[]a]", false},
		"Unicode's word characters":        {`\w`, false},
		"boundaries":                       {`a\b`, false},
		"a dash between ranges":            {"[a-c-e]", false},
		"a trailing backslash":             {`a\`, false},
		"an escaped parenthesis":           {`(?!a\)).*`, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := linearize(tc.text) != nil; got != tc.want {
				t.Errorf("linearize(%q): %t, want %t", tc.text, got, tc.want)
			}
		})
	}
}

// What runs linearly says the same as with backtracking.
func TestLinearExpressionsAreAsWithBacktracking(t *testing.T) {
	atom := rapid.SampledFrom([]string{
		"a", "b", "-", ".", "1", "[ab]", "[^a]", "[a-]", "[-1]", "[a-c]", `\.`, `\d`, "^", "$", "(a|b)",
		"(?:a|ab)", "(a*)",
		"(|a)", "(?!a)", "(?=a)", "(?<!b)", "(?<=b)", "(?!a|b$)", "(?=.*b$)", "(?<!a|-b)", "(?<=^a.*)",
		"|", "(", ")", "[", "]", `\`,
		"?", "*", "+",
	})
	name := rapid.StringMatching(`[ab1-]{0,6}`)
	linear, differ := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text := ""
		for _, part := range rapid.SliceOfN(atom, 1, 7).Draw(t, "parts") {
			text += part
		}
		if _, err := compileDotNet(text); err != nil {
			return
		}
		conditions := linearize(text)
		if conditions == nil {
			return
		}
		linear++
		fast := &expression{text: text, linear: conditions}
		backtracking, err := compileDotNet(`\A(?:` + text + `)\z`)
		if err != nil {
			t.Fatalf("%q runs linearly and not with backtracking: %v", text, err)
		}
		for range 8 {
			subject := name.Draw(t, "name")
			want, err := backtracking.MatchString(subject)
			if err != nil {
				t.Fatal(err)
			}
			got, err := fast.match(subject)
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Fatalf("%q matches %q: %t, with backtracking %t", text, subject, got, want)
			}
			if got {
				differ++
			}
		}
	})
	if linear < 10 || differ < 10 {
		t.Errorf("only %d expressions were compared, %d matches", linear, differ)
	}
}
