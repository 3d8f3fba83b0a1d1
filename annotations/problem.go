package annotations

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// clipLength is how many bytes of a value are shown. An annotation may have 256 KiB, the note of an Event 1 KiB.
const clipLength = 120

// String returns the problem in one line, for logs, events and tables. A long value is cut, and control characters are
// quoted.
func (p Problem) String() string {
	return fmt.Sprintf("annotation %s: value %s %s", clipKey(p.Key), clip(p.Value), p.Reason)
}

// clip returns s quoted and cut between characters to clipLength bytes. A backslash, of which regular expressions have
// many, is doubled only where something else has to be escaped.
func clip(s string) string {
	short := cut(s)
	if !strings.ContainsFunc(short, needsQuoting) {
		return `"` + short + `"`
	}
	quoted := strconv.Quote(short)
	if len(quoted) > 2*clipLength {
		// Nearly all of it had to be escaped, which says little to anybody.
		quoted = strconv.Quote(cutTo(s, clipLength/2))
	}
	return quoted
}

// escape is clip without the quotation marks, for the messages of libraries, which may repeat their input.
func escape(s string) string {
	quoted := clip(s)
	return quoted[1 : len(quoted)-1]
}

func needsQuoting(r rune) bool { return r == '"' || r == utf8.RuneError || !strconv.IsPrint(r) }

func cut(s string) string { return cutTo(s, clipLength) }

// cutTo returns s cut between characters to at most length bytes.
func cutTo(s string, length int) string {
	if len(s) <= length {
		return s
	}
	end := length
	for end > length-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// clipKey returns a key as it is if the API server would accept it, else quoted.
func clipKey(key string) string {
	for i := range len(key) {
		if !isKeyByte(key[i]) {
			return clip(key)
		}
	}
	return cut(key)
}

func firstRune(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	return s[:size]
}

func sortProblems(problems []Problem) {
	slices.SortFunc(problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Reason, b.Reason))
	})
}
