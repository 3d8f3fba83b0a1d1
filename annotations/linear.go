package annotations

import (
	"regexp"
	"strings"
)

// linearize finds Go regular expressions, which run in linear time, that together match the same whole names as one of
// .NET's; nil where it isn't plain that there are some, and then the expression is run with backtracking.
//
// The two syntaxes mean the same by letters, digits, "-", ".", classes of these, groups, "|", "*", "+", "?", "^" and
// "$", and by nothing else that is let through here. Which of several matches an engine prefers does not matter where
// only the whole name counts. Added to this are the look-arounds that people use, at either end: what follows "^(?!" is
// a prefix that the name must not have, what precedes "$" in "(?<!…)$" a suffix. So the recipe
// "^(?!(?:default|kube-system)$).*" is two expressions.
func linearize(text string) []condition {
	rest := strings.TrimPrefix(text, "^")
	var found []condition
	for {
		inner, after, not, ok := leadingLookahead(rest)
		if !ok {
			break
		}
		c, ok := compileCommon(`\A(?:`+inner+`)`, inner)
		if !ok {
			return nil
		}
		c.not = not
		found = append(found, c)
		rest = after
	}
	if before, inner, not, ok := trailingLookbehind(rest); ok {
		c, ok := compileCommon(`(?:`+inner+`)\z`, inner)
		if !ok {
			return nil
		}
		c.not = not
		found = append(found, c)
		rest = before
	}
	// A look-around belongs to the whole only if no "|" outside of parentheses divides it: "^(?!a)b|c".
	if len(found) > 0 && hasTopLevelBar(rest) {
		return nil
	}
	if len(found) == 0 {
		rest = text
	}
	c, ok := compileCommon(`\A(?:`+rest+`)\z`, rest)
	if !ok {
		return nil
	}
	return append(found, c)
}

// leadingLookahead splits "(?!inner)after" and "(?=inner)after".
func leadingLookahead(s string) (inner, after string, not, ok bool) {
	body, not := strings.CutPrefix(s, "(?!")
	if !not {
		if body, ok = strings.CutPrefix(s, "(?="); !ok {
			return "", "", false, false
		}
	}
	end := closing(body)
	if end < 0 {
		return "", "", false, false
	}
	// Where a repetition of the look-around follows, what is after it does not compile by itself.
	return body[:end], body[end+1:], not, true
}

// trailingLookbehind splits "before(?<!inner)" and "before(?<=inner)", with or without a "$" at the end.
func trailingLookbehind(s string) (before, inner string, not, ok bool) {
	start := strings.LastIndex(s, "(?<")
	if start < 0 || len(s) < start+4 || strings.HasSuffix(s[:start], `\`) {
		return "", "", false, false
	}
	switch s[start+3] {
	case '!':
		not = true
	case '=':
	default:
		return "", "", false, false
	}
	body := s[start+4:]
	end := closing(body)
	if end < 0 || body[end+1:] != "" && body[end+1:] != "$" {
		return "", "", false, false
	}
	return s[:start], body[:end], not, true
}

// closing is where the parenthesis that was opened before s is closed; -1 where it isn't. What isCommon refuses may
// lead it astray, but is refused after.
func closing(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '[':
			end := strings.IndexByte(s[i:], ']')
			if end < 0 {
				return -1
			}
			i += end
		case '(':
			depth++
		case ')':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return -1
}

func hasTopLevelBar(s string) bool {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '[':
			end := strings.IndexByte(s[i:], ']')
			if end < 0 {
				return true
			}
			i += end
		case '(':
			depth++
		case ')':
			depth--
		case '|':
			if depth == 0 {
				return true
			}
		}
	}
	return false
}

// compileCommon compiles an expression around part, which is what was written, if part is in the common subset.
func compileCommon(expr, part string) (condition, bool) {
	if !isCommon(part) {
		return condition{}, false
	}
	// By itself first, for the same reason as in newDotNet.
	if _, err := regexp.Compile(part); err != nil {
		return condition{}, false
	}
	re, err := regexp.Compile(expr)
	return condition{re: re}, err == nil
}

// isCommon says that Go and .NET read an expression alike, where the subject is an object's name.
func isCommon(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isNamespaceByte(c):
		case c == '.', c == '|', c == ')', c == '*', c == '+', c == '?', c == '^', c == '$':
		case c == '(':
			// "(?" begins a great many things; only the plain group "(?:" is let through.
			if strings.HasPrefix(s[i:], "(?") {
				if !strings.HasPrefix(s[i:], "(?:") {
					return false
				}
				i += len("?:")
			}
		case c == '\\':
			if i++; i == len(s) || s[i] != '.' && s[i] != '-' && s[i] != 'd' {
				return false
			}
		case c == '[':
			end := commonClass(s[i:])
			if end < 0 {
				return false
			}
			i += end
		default:
			return false
		}
	}
	return true
}

// commonClass is where the class that s begins with ends, "[a-z0-9-]" or "[^a-z]"; -1 where it has anything in it but
// letters, digits, dots, ranges of these, and a "-" at one end: an escape, say, or .NET's subtraction "[a-z-[aeiou]]".
func commonClass(s string) int {
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return -1
	}
	members := strings.TrimPrefix(s[1:end], "^")
	members = strings.TrimPrefix(members, "-")
	members = strings.TrimSuffix(members, "-")
	if members == "" {
		return -1
	}
	for i := 0; i < len(members); i++ {
		if !isClassMember(members[i]) {
			return -1
		}
		if i+1 < len(members) && members[i+1] == '-' {
			if i += 2; i == len(members) || !isClassMember(members[i]) {
				return -1
			}
		}
	}
	return end
}

func isClassMember(c byte) bool { return isNameByte(c) && c != '-' }
