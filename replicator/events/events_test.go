package events

import (
	"strings"
	"testing"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"
)

func TestShorten(t *testing.T) {
	letters := func(n int) string { return strings.Repeat("a", n) }
	for name, tc := range map[string]struct{ note, want string }{
		"one that just fits is left alone":      {letters(maxNote), letters(maxNote)},
		"one byte more, and it is cut":          {letters(maxNote + 1), letters(maxNote-3) + "…"},
		"a character ends right before the cut": {letters(maxNote-5) + "éaaaa", letters(maxNote-5) + "é…"},
		"a character lies across the cut":       {letters(maxNote-4) + "éaaaa", letters(maxNote-4) + "…"},
		"a longer one lies across the cut":      {letters(maxNote-6) + "😀aaaa", letters(maxNote-6) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			got := shorten(tc.note)
			if got != tc.want || len(got) > maxNote || !utf8.ValidString(got) {
				t.Errorf("%d bytes, ending %q; want %d, ending %q", len(got), got[len(got)-8:], len(tc.want),
					tc.want[len(tc.want)-8:])
			}
		})
	}
}

func TestEventNames(t *testing.T) {
	for _, object := range []string{
		"s", "tls.example.com", strings.Repeat("a", 253), strings.Repeat("a", 235) + "." + strings.Repeat("b", 17),
		strings.Repeat("a", 235) + "-" + strings.Repeat("b", 17),
	} {
		a, b := eventName(object), eventName(object)
		if a == b {
			t.Errorf("two events are called %s", a)
		}
		if problems := validation.IsDNS1123Subdomain(a); len(problems) > 0 {
			t.Errorf("%s: %s", a, problems)
		}
		if head := object[:min(len(object), 230)]; !strings.HasPrefix(a, head) {
			t.Errorf("%s does not begin with %s", a, head)
		}
	}
}
