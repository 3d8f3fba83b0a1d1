package inspect

import (
	"slices"
	"strings"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// Filter says what of a Report is shown. The zero Filter shows everything.
type Filter struct {
	// Source reports whether a source is shown; nil shows all.
	Source func(s *Source) bool
	// Targets are the namespaces whose targets are shown; the zero value shows all.
	Targets annotations.Patterns
	// States are those that are shown; empty shows all. A source without a target in one is not shown, unless its phase
	// is one.
	States []plan.State
}

// Apply takes out of a Report what is not shown. InSync is then about what is left.
func (f *Filter) Apply(r *Report) {
	r.Sources = slices.DeleteFunc(r.Sources, func(s Source) bool { return f.Source != nil && !f.Source(&s) })
	narrow := !f.Targets.Empty() || len(f.States) > 0
	for i := range r.Sources {
		s := &r.Sources[i]
		s.Targets = slices.DeleteFunc(s.Targets, func(t Target) bool {
			return !f.Targets.Empty() && !f.Targets.Match(t.Namespace) ||
				len(f.States) > 0 && !slices.Contains(f.States, t.State)
		})
		if !f.Targets.Empty() {
			s.Attached = slices.DeleteFunc(s.Attached, func(account string) bool {
				namespace, _, _ := strings.Cut(account, "/")
				return !f.Targets.Match(namespace)
			})
		}
	}
	if narrow {
		r.Sources = slices.DeleteFunc(r.Sources, func(s Source) bool {
			return len(s.Targets) == 0 && !slices.Contains(f.States, plan.State(s.Phase))
		})
	}
	r.InSync = !slices.ContainsFunc(r.Sources, func(s Source) bool { return len(s.Writes) > 0 })
	r.count()
}
