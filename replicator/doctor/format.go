package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/duration"
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

// listLimit is the number of names in a list of a message.
const listLimit = 5

// listed joins sorted names, and counts those that are too many.
func listed(names []string) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if more := len(names) - listLimit; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:listLimit], ", "), more)
	}
	return strings.Join(names, ", ")
}

// age formats a duration as kubectl does in its column AGE.
func age(d time.Duration) string { return duration.HumanDuration(d) }

// stamp formats a time.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
