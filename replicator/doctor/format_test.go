package doctor

import "testing"

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
