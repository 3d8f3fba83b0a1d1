package doctor

import (
	"strings"
	"testing"
)

func TestPrintable(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"plain":                 {"regcred", "regcred"},
		"letters of the world":  {"café 東京", "café 東京"},
		"an escape sequence":    {"a\x1b[31mb", `a\x1b[31mb`},
		"lines":                 {"a\r\nb", `a\r\nb`},
		"right to left":         {"a\u202eb", `a\u202eb`},
		"what is not UTF-8":     {"a\xffb", `a\xffb`},
		"longer than the limit": {"12345678901234567890123", "12345678901234567890…"},
		"cut before an escape":  {"1234567890123456789\x1b", "1234567890123456789…"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Printable(tc.text, 20); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestListed(t *testing.T) {
	tests := map[string]struct{ names, want string }{
		"sorted, each once":     {"b a b", "a, b"},
		"as many as are listed": {"a b c d e", "a, b, c, d, e"},
		"more than are listed":  {"g f e d c b a a", "a, b, c, d, e and 2 more"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := listed(strings.Fields(tc.names)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
