package annotations

import (
	"errors"
	"fmt"
	"strings"
)

// Patterns is a list of glob patterns, as written in push-to, exclude, copy-labels, accept-from and their like.
//
// A name matches if a pattern matches it and no pattern with a leading "!" does; the order does not matter. "*"
// is any run of characters, "?" any one, and each pattern matches the whole name. The zero value matches nothing.
type Patterns struct {
	// text is the list, separated by commas, without white space and empty entries. It is read again for each name: two
	// characters may be a pattern, and a struct for each would take twenty times the memory.
	text string
}

// ParseNamespacePatterns reads a comma-separated list of patterns for namespaces. Empty entries are skipped.
func ParseNamespacePatterns(s string) (Patterns, error) {
	return parsePatterns(s, isNamespaceByte, "lower-case letters, digits and -")
}

// ParseNamePatterns reads patterns for the names of objects, such as ServiceAccounts, which may have dots.
func ParseNamePatterns(s string) (Patterns, error) {
	return parsePatterns(s, isNameByte, "lower-case letters, digits, - and .")
}

// ParseKeyPatterns reads patterns for the keys of labels and annotations, to be matched by [Patterns.MatchKey].
func ParseKeyPatterns(s string) (Patterns, error) {
	return parsePatterns(s, isKeyByte, "letters, digits, -, _, . and /")
}

func parsePatterns(s string, valid func(byte) bool, alphabet string) (Patterns, error) {
	var b strings.Builder
	for entry := range strings.SplitSeq(s, ",") {
		text := strings.TrimSpace(entry)
		if text == "" {
			continue
		}
		pattern, negated := strings.CutPrefix(text, "!")
		pattern = strings.TrimSpace(pattern)
		if pattern == "" {
			return Patterns{}, errors.New(`a pattern is only "!": name after it what to take away`)
		}
		for i := range len(pattern) {
			if c := pattern[i]; c != '*' && c != '?' && !valid(c) {
				return Patterns{}, badPattern(text, pattern[i:], alphabet)
			}
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		if negated {
			b.WriteByte('!')
		}
		b.WriteString(pattern)
	}
	return Patterns{text: b.String()}, nil
}

// nextGlob cuts the first pattern off a list, without its "!", and says whether it had one.
func nextGlob(list string) (glob string, negated bool, others string) {
	glob, others, _ = strings.Cut(list, ",")
	glob, negated = strings.CutPrefix(glob, "!")
	return glob, negated, others
}

// badPattern returns an error for a pattern whose first invalid character begins tail. People who come from the other
// controllers write regular expressions, so that is checked first.
func badPattern(pattern, tail, alphabet string) error {
	bad := clip(firstRune(tail))
	switch {
	case strings.ContainsAny(tail[:1], ".^$[](){}|+\\"):
		return fmt.Errorf("pattern %s has %s in it and looks like a regular expression: patterns are made of %s, "+
			"where * is any run of characters and ? any one, so write a* for a.*, and a,b for (a|b)",
			clip(pattern), bad, alphabet)
	case strings.ContainsAny(tail[:1], " \t\r\n;"):
		return fmt.Errorf("pattern %s has %s in it: separate patterns with commas", clip(pattern), bad)
	case tail[0] >= 'A' && tail[0] <= 'Z':
		return fmt.Errorf("pattern %s has the capital %s in it, and such names are in lower case", clip(pattern), bad)
	case tail[0] == '!':
		return fmt.Errorf("pattern %s has a ! after its beginning: one, as the first character, takes away",
			clip(pattern))
	}
	return fmt.Errorf("pattern %s has %s in it: patterns are made of %s, "+
		"where * is any run of characters and ? any one", clip(pattern), bad, alphabet)
}

// Match reports whether a name matches. It takes at most time in proportion to the length of the pattern times the
// length of the name, and allocates nothing.
func (p Patterns) Match(name string) bool {
	given := false
	for rest := p.text; rest != ""; {
		var glob string
		var negated bool
		if glob, negated, rest = nextGlob(rest); given && !negated {
			continue
		}
		if matchGlob(glob, name) {
			if negated {
				return false
			}
			given = true
		}
	}
	return given
}

// MatchKey reports whether the label or annotation with this key is copied to replicas. It is Match with two
// exceptions. A key by which a tool tracks its own objects (Argo CD, Flux, Helm, kubectl) must be written in full: a
// tool that finds it on a replica takes the replica for its own and prunes it. The keys of Mirrorball and of the two
// other dialects never match: a replica that carried them would be a source in turn.
func (p Patterns) MatchKey(key string) bool {
	if isControlKey(key) {
		return false
	}
	if !isTrackingKey(key) {
		return p.Match(key)
	}
	if !p.Match(key) {
		return false
	}
	for rest := p.text; rest != ""; {
		var glob string
		if glob, _, rest = nextGlob(rest); glob == key {
			return true
		}
	}
	return false
}

// Empty reports whether there is no pattern, so that nothing matches.
func (p Patterns) Empty() bool { return p.text == "" }

// OnlyNegated reports whether there are patterns but all have a "!", so that nothing matches.
func (p Patterns) OnlyNegated() bool {
	for rest := p.text; rest != ""; {
		var negated bool
		if _, negated, rest = nextGlob(rest); !negated {
			return false
		}
	}
	return !p.Empty()
}

// and returns the two lists as one.
func (p Patterns) and(other Patterns) Patterns {
	if p.Empty() || other.Empty() {
		return Patterns{text: p.text + other.text}
	}
	return Patterns{text: p.text + "," + other.text}
}

// Equal reports whether two lists were written alike, pattern by pattern.
func (p Patterns) Equal(other Patterns) bool { return p == other }

// String returns the list as it is written in an annotation. Parsed again it is equal.
func (p Patterns) String() string { return p.text }

// matchGlob is the greedy algorithm for globs: on a mismatch only the last "*" takes one character more. There is no
// need to go back to an earlier one, because what follows it was matched as far to the left as possible.
func matchGlob(pattern, name string) bool {
	p, n := 0, 0
	star, taken := -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, taken = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			taken++
			p, n = star+1, taken
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func isNamespaceByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-'
}

func isNameByte(c byte) bool { return isNamespaceByte(c) || c == '.' }

func isKeyByte(c byte) bool {
	return isNameByte(c) || c >= 'A' && c <= 'Z' || c == '_' || c == '/'
}
