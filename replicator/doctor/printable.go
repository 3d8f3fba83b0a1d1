package doctor

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns the text with everything escaped that could move the cursor or change a terminal, cut to limit
// characters. Names, addresses and messages come from other people.
func Printable(text string, limit int) string {
	var b strings.Builder
	count := 0
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		piece := text[i : i+size]
		if !unicode.IsPrint(r) || (r == utf8.RuneError && size == 1) {
			piece = strings.Trim(strconv.QuoteToASCII(piece), `"`)
		}
		count += utf8.RuneCountInString(piece)
		if count > limit {
			return b.String() + "…"
		}
		b.WriteString(piece)
		i += size
	}
	return b.String()
}
