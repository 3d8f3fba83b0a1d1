package annotations

import (
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// Condition is a condition on the name and the labels of an object that an expression in CEL can evaluate: it holds
// where one of its lines does, and without any line nowhere. A line holds where all of its terms do, which are
// separated by spaces. With RE for an expression of RE2, that CEL's matches finds in a text:
//
//	name=RE      the name matches
//	name!RE      the name does not match
//	labels=RE    the labels match, written as lines of key=value
//	labels!RE    the labels do not match
//
// A condition never holds where that of which it was made does not. It may hold in fewer places: what RE2 or a term
// can't say is left out.
type Condition []string

// String returns the lines.
func (c Condition) String() string { return strings.Join(c, "\n") }

// Condition returns the condition that a name matches.
func (p Patterns) Condition() Condition {
	given, taken := p.expressions()
	switch {
	case len(given) == 0:
		return nil
	case len(taken) == 0:
		return Condition{nameTerm("=", given)}
	}
	return Condition{nameTerm("=", given) + " " + nameTerm("!", taken)}
}

// Negation returns the condition that a name does not match.
func (p Patterns) Negation() Condition {
	given, taken := p.expressions()
	c := Condition{nameTerm("!", given)}
	if len(taken) > 0 {
		c = append(c, nameTerm("=", taken))
	}
	return c
}

// expressions returns the patterns as expressions: those without, and those with a leading "!".
func (p Patterns) expressions() (given, taken []string) {
	for rest := p.text; rest != ""; {
		var glob string
		var negated bool
		glob, negated, rest = nextGlob(rest)
		expression := globExpression.Replace(glob)
		if negated {
			taken = append(taken, expression)
		} else {
			given = append(given, expression)
		}
	}
	return given, taken
}

// globExpression makes an expression of a pattern, in which no other character is special than these.
var globExpression = strings.NewReplacer("*", ".*", "?", ".", ".", `\.`)

// nameTerm is the term that the whole name matches one of the expressions, or with the operator "!" none of them. None
// of no expressions matches.
func nameTerm(operator string, expressions []string) string {
	if len(expressions) == 0 {
		return "name" + operator + `[^\d\D]`
	}
	return "name" + operator + `^(?:` + strings.Join(expressions, "|") + `)$`
}

// PushConditions returns conditions that hold together only where the source is pushed to a namespace, as PushesTo
// says. They may hold in fewer namespaces, or in none.
func (p *Policy) PushConditions() []Condition {
	if p.Push == nil || len(p.Push.sides) == 0 { // an outline has no sides
		return []Condition{nil}
	}
	all := []Condition{p.Exclude.Negation()}
	p.Push.each(func(s *side) {
		if !s.everything {
			all = append(all, s.condition())
		}
	})
	return all
}

func (s *side) condition() Condition {
	return slices.Concat(s.globs.Condition(), s.expressions.condition(), SelectorCondition(s.selector))
}

// condition leaves out the expressions that the two engines may not read alike. The others have no counts, so that they
// compile to what their length says.
func (x *expressions) condition() Condition {
	var known []string
	for text := range x.all() {
		if !isLiteral(text) && !bothEngines.MatchString(text) {
			continue
		}
		if _, err := regexp.Compile(text); err == nil {
			known = append(known, "(?:"+text+")")
		}
	}
	if len(known) == 0 {
		return nil
	}
	return Condition{nameTerm("=", known)}
}

// SelectorCondition returns the condition that the labels match. A nil selector matches none, as one does that compares
// numbers.
func SelectorCondition(s labels.Selector) Condition {
	if s == nil {
		return nil
	}
	var terms []string
	requirements, _ := s.Requirements()
	for _, r := range requirements {
		term := labelTerm(r)
		if term == "" {
			return nil
		}
		terms = append(terms, term)
	}
	if len(terms) == 0 {
		return nil
	}
	return Condition{strings.Join(terms, " ")}
}

// labelTerm returns the term of a requirement, or "".
func labelTerm(r labels.Requirement) string {
	key, values := regexp.QuoteMeta(r.Key()), make([]string, 0, r.Values().Len())
	for _, value := range slices.Sorted(slices.Values(r.Values().UnsortedList())) {
		values = append(values, regexp.QuoteMeta(value))
	}
	pair := `(?m)^` + key + `=(?:` + strings.Join(values, "|") + `)$`
	switch r.Operator() {
	case selection.In, selection.Equals, selection.DoubleEquals:
		return "labels=" + pair
	case selection.NotIn, selection.NotEquals:
		return "labels!" + pair
	case selection.Exists:
		return "labels=(?m)^" + key + "="
	case selection.DoesNotExist:
		return "labels!(?m)^" + key + "="
	}
	return ""
}
