package annotations

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// Reach is a set of namespaces, as an annotation or a pair of them describes it. A nil Reach has none.
//
// It is one side, or, for Reflector's automatic mirrors, two that a namespace must both be in: the allowed ones and the
// automatic ones.
type Reach struct {
	sides []*side
}

// side is a list and a selector, either of which suffices.
type side struct {
	// everything is set where the dialect takes an empty list or selector for every namespace.
	everything  bool
	globs       Patterns
	expressions *expressions
	selector    labels.Selector
	// remembered are the names that match globs or expressions.
	remembered answers
}

// match reports whether a namespace of this name and with these labels is in the reach. With an error of the budget no
// answer can be relied on, not even about a namespace that another expression matches.
func (r *Reach) match(namespace string, labels map[string]string, m meter) (bool, error) {
	if r == nil || len(r.sides) == 0 {
		return false, nil
	}
	for _, s := range r.sides {
		if matches, err := s.match(namespace, labels, m); err != nil || !matches {
			return false, err
		}
	}
	return true, nil
}

func (s *side) match(namespace string, set labels.Set, m meter) (bool, error) {
	if s.everything || s.selector != nil && s.selector.Matches(set) {
		return true, nil
	}
	if s.globs.Empty() && s.expressions.empty() {
		return false, nil
	}
	return m.cached(&s.remembered, namespace, func() (bool, error) { return s.matchName(namespace, m) })
}

func (s *side) matchName(name string, m meter) (bool, error) {
	matches, err := m.spend(func() (bool, error) { return s.globs.Match(name), nil })
	if err != nil || matches || s.expressions.empty() {
		return matches, err
	}
	return s.expressions.match(name, m)
}

// each calls a function with each side; a nil Reach has none.
func (r *Reach) each(visit func(*side)) {
	if r == nil {
		return
	}
	for _, s := range r.sides {
		visit(s)
	}
}

// selectsByLabel reports whether the labels of a namespace matter.
func (r *Reach) selectsByLabel() bool {
	return r != nil && slices.ContainsFunc(r.sides, func(s *side) bool { return s.selector != nil })
}

// isLiteral reports whether the reach has no expressions but plain names.
func (r *Reach) isLiteral() bool {
	return r == nil || !slices.ContainsFunc(r.sides, func(s *side) bool {
		return !s.expressions.isLiteral()
	})
}

// isNames reports whether the namespaces are given by their names: by no pattern, expression or label.
func (r *Reach) isNames() bool {
	return r == nil || slices.ContainsFunc(r.sides, func(s *side) bool {
		return !s.everything && s.selector == nil && s.expressions.isLiteral() && !strings.ContainsAny(s.globs.text, "*?")
	})
}

// String describes the reach for people: "namespaces that match team-* or have the labels tier=web".
func (r *Reach) String() string {
	if r == nil || len(r.sides) == 0 {
		return "no namespace"
	}
	var parts []string
	for _, s := range r.sides {
		// Of two sides, one that has every namespace adds nothing, and two may be written alike.
		if part := s.String(); !s.everything && !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	switch len(parts) {
	case 0:
		return "every namespace"
	case 1:
		return "namespaces that " + parts[0]
	}
	return "namespaces that " + strings.Join(parts, ", and also ")
}

func (s *side) String() string {
	var parts []string
	if !s.globs.Empty() {
		parts = append(parts, "match "+cut(s.globs.String()))
	}
	if !s.expressions.empty() {
		var texts []string
		for text := range s.expressions.all() {
			texts = append(texts, clip(text))
		}
		parts = append(parts, "match in full the expression "+strings.Join(texts, " or "))
	}
	if s.selector != nil {
		parts = append(parts, "have the labels "+cut(s.selector.String()))
	}
	return strings.Join(parts, " or ")
}

// Equal reports whether two reaches were written alike.
func (r *Reach) Equal(other *Reach) bool {
	if r == nil || other == nil {
		return r == other
	}
	return slices.EqualFunc(r.sides, other.sides, (*side).equal)
}

func (s *side) equal(other *side) bool {
	if s.everything != other.everything || (s.selector == nil) != (other.selector == nil) {
		return false
	}
	if s.selector != nil && s.selector.String() != other.selector.String() {
		return false
	}
	return s.globs.Equal(other.globs) && s.expressions.equal(other.expressions)
}

// empty reports whether the side has no namespace.
func (s *side) empty() bool {
	return !s.everything && s.globs.Empty() && s.expressions.empty() && s.selector == nil
}

// reachOf returns the reach of the namespaces that are on every side; nil if one of the sides has none.
func reachOf(sides ...*side) *Reach {
	for _, s := range sides {
		if s.empty() {
			return nil
		}
	}
	return &Reach{sides: sides}
}
