package inspect

import (
	"slices"
	"strings"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// Asked reports whether a source is one that somebody asked about. A nil Asked is about everything.
type Asked func(source informers.Key) bool

func (a Asked) about(source informers.Key) bool { return a == nil || a(source) }

// Filter says which targets of a Report are shown. The zero Filter shows all.
type Filter struct {
	// Targets are the namespaces whose targets are shown; the zero value shows all.
	Targets annotations.Patterns
	// States are those that are shown; empty shows all. A source without a target in one is not shown, unless its phase
	// is one.
	States []plan.State
}

// Apply takes out of a Report what is not shown. InSync and the numbers are then about what is left.
func (f *Filter) Apply(r *Report) {
	if f.Targets.Empty() && len(f.States) == 0 {
		return
	}
	for i := range r.Sources {
		f.narrow(&r.Sources[i])
	}
	r.Sources = slices.DeleteFunc(r.Sources, func(s Source) bool {
		return len(s.Targets) == 0 && !slices.Contains(f.States, plan.State(s.Phase))
	})
	r.Copies = slices.DeleteFunc(r.Copies, func(c Copy) bool { return !f.isIn(namespaceOf(c.Object)) })
	r.Problems = nil
	r.InSync = !slices.ContainsFunc(r.Sources, func(s Source) bool { return len(s.Writes) > 0 })
	r.count()
}

// narrow takes out of a source what is about other targets than those that are shown.
func (f *Filter) narrow(s *Source) {
	shown := map[string]bool{}
	s.Targets = slices.DeleteFunc(s.Targets, func(t Target) bool {
		keep := f.isIn(t.Namespace) && (len(f.States) == 0 || slices.Contains(f.States, t.State))
		shown[t.Namespace+"/"+t.Name] = keep
		return !keep
	})
	s.Attached = slices.DeleteFunc(s.Attached, func(account string) bool { return !f.isIn(namespaceOf(account)) })
	s.Findings = slices.DeleteFunc(s.Findings, func(x Finding) bool { return !f.shows(s, x) })
	other := func(w Write) bool {
		return !f.isIn(w.Namespace) || len(f.States) > 0 && !shown[w.Namespace+"/"+w.Name]
	}
	s.Writes, s.Later = slices.DeleteFunc(s.Writes, other), slices.DeleteFunc(s.Later, other)
	if len(s.Later) == 0 {
		s.Waits = ""
	}
}

// shows reports whether a finding of a source is shown: one about the whole source is, if its reason is a state that is
// asked for or none is, and one about a target if the target's namespace is.
func (f *Filter) shows(s *Source, x Finding) bool {
	switch {
	case len(f.States) > 0 && !slices.Contains(f.States, plan.State(x.Reason)):
		return false
	case x.Object == s.String():
		return f.Targets.Empty() || !slices.Contains(aboutTargets, x.Reason)
	}
	return f.isIn(namespaceOf(x.Object))
}

func (f *Filter) isIn(namespace string) bool { return f.Targets.Empty() || f.Targets.Match(namespace) }

// namespaceOf returns the namespace of an object that is named as namespace/name, with or without its kind before it.
func namespaceOf(object string) string {
	namespace, _, _ := strings.Cut(object[strings.LastIndex(object, " ")+1:], "/")
	return namespace
}
