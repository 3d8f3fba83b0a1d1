package rules

import (
	"slices"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// Condition returns the condition on a target namespace that any of the rules gives the right there. See
// [annotations.Condition].
func (g Grants) Condition(right Right) (c annotations.Condition) {
	for _, r := range g {
		if slices.Contains(r.allow, right) {
			c = slices.Concat(c, r.targets.patterns.Condition(), annotations.SelectorCondition(r.targets.selector))
		}
	}
	return c
}
