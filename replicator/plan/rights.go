package plan

import (
	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// Withheld is a right that the source would use in a target namespace and does not have there.
type Withheld struct {
	Namespace string
	Right     rules.Right
	// Problem is set where the namespace may give the right itself, and what it says can't be read. Then nothing is
	// changed on account of the right.
	Problem *annotations.Problem
}

func (m *maker) withhold(ns *informers.Namespace, right rules.Right, problem *annotations.Problem) {
	m.plan.Withheld = append(m.plan.Withheld, Withheld{Namespace: ns.Name, Right: right, Problem: problem})
}

// grantsOf returns what the rules say about the sources in a namespace. Of one that the watch does not show, the rules
// see the name.
func (m *maker) grantsOf(home string) rules.Grants {
	grants, ok := m.grants[home]
	if !ok {
		n := rules.Namespace{Name: home}
		if ns := m.w.Homes[home]; ns != nil {
			n.Labels = ns.Labels
		}
		grants = m.w.Rules.For(n)
		m.grants[home] = grants
	}
	return grants
}

// may reports whether the rules give sources in a namespace a right in a target namespace.
func (m *maker) may(home string, right rules.Right, ns *informers.Namespace) bool {
	return m.grantsOf(home).Allow(right, rules.Namespace{Name: ns.Name, Labels: ns.Labels})
}

// mayAttach reports whether the source may be attached in a namespace: by the rules, or as the namespace itself says.
// The problem is set where it depends on the namespace, which can't be read.
func (m *maker) mayAttach(ns *informers.Namespace) (may bool, problem *annotations.Problem) {
	//mutant:consent-to-attach
	if m.may(m.w.Key.Namespace, rules.Attach, ns) || ns.AcceptAttach.Match(m.w.Key.Namespace) {
		return true, nil
	}
	return false, ns.AttachProblem
}

// isPlain reports whether replicas in a namespace are without the labels and annotations whose key has a prefix.
func (m *maker) isPlain(ns *informers.Namespace) bool {
	//mutant:right-to-labels
	return len(m.w.Source.Prefixed) > 0 && !m.may(m.w.Key.Namespace, rules.Labels, ns)
}
