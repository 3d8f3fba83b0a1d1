package inspect

import "github.com/mirrorball-dev/mirrorball/replicator/plan"

// Class says how good a state is. The page and terminals have a colour for each.
type Class int

// The classes, from good to bad.
const (
	// Good is in sync.
	Good Class = iota
	// Quiet is no finding.
	Quiet
	// Waiting is what a controller puts right.
	Waiting
	// Bad is what a person has to put right.
	Bad
	// Strange is no state that this package knows.
	Strange
)

// ClassOf returns the class of a state.
func ClassOf(s plan.State) Class {
	_, known := letters[s]
	switch t := (&Target{State: s}); {
	case !known:
		return Strange
	case s == plan.InSync:
		return Good
	case !t.IsFinding():
		return Quiet
	case s == plan.Missing || s == plan.Drifted:
		return Waiting
	}
	return Bad
}

// css is the class in the page's style.
func (c Class) css() string {
	return map[Class]string{Good: "o", Quiet: "q", Waiting: "w", Bad: "b", Strange: "b"}[c]
}
