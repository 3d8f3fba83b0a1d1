package plan

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// toleratedRemovals is how many replicas of one source may go within one grace in any case.
const toleratedRemovals = 20

// Brake is what is known of the removals of a source's replicas for another reason than the source's end or its own
// annotations: the labels or the consent of namespaces, or a setting of the operator. A mistake there takes away much
// at once, so that the removal of more than half waits for one grace.
type Brake struct {
	// Enforced says that the removals of this pass are for such a reason.
	Enforced bool
	Now      time.Time
	Grace    time.Duration
	// Name is that of the source's replicas. What has another one is not made by this policy: whoever can write in a
	// namespace can forge any number of them there, and only one of this name.
	Name string
	// Replicas is how many the source has, and Removed how many went for such a reason within the last grace.
	Replicas, Removed int
	// Since is when removals began to wait; zero where none does.
	Since time.Time
}

// Over reports whether what waits has waited for long enough.
func (b *Brake) Over() bool { return !b.Since.IsZero() && !b.Now.Before(b.Since.Add(b.Grace)) }

// holds reports whether n removals have to wait.
//
//	enforced  waiting  removed so far, and n        so
//	no        –        –                            they are done
//	yes       over     –                            they are done
//	yes       yes      –                            they wait
//	yes       no       at most 20, or half of all   they are done
//	yes       no       more                         they wait
func (b *Brake) holds(n int) bool {
	switch total := b.Removed + n; {
	case !b.Enforced || b.Grace <= 0 || n == 0 || b.Over():
		return false
	case !b.Since.IsZero():
		return true
	default:
		//mutant:brake
		return total > toleratedRemovals && 2*total > b.Replicas+b.Removed
	}
}

// Counts reports whether an action is a removal that the brake is for.
func (b *Brake) Counts(a *Action) bool {
	//mutant:brake-forgeries
	return b.Enforced && a.Verb == Delete && a.Target.Name == b.Name
}

// remove adds the removals of replicas, or notes that they wait.
func (m *maker) remove(orphans []Action) {
	b, counted := &m.w.Brake, 0
	for i := range orphans {
		if b.Counts(&orphans[i]) {
			counted++
		}
	}
	held := b.holds(counted)
	m.braked = sets.New[types.NamespacedName]()
	for i := range orphans {
		if !held || !b.Counts(&orphans[i]) {
			m.plan.Actions = append(m.plan.Actions, orphans[i])
			continue
		}
		m.plan.Braked = append(m.plan.Braked, orphans[i].Target)
		m.braked.Insert(orphans[i].Target)
	}
}

// justify notes what has to be read again before a removal in a namespace: the namespace, if it is the reason, or part
// of it, and the rules, if they bar the source there. Neither is where the source alone decides.
func (m *maker) justify(a *Action, ns *informers.Namespace) {
	if m.w.Phase != PhaseActive || ns == nil {
		return
	}
	a.ByRules = !m.may(m.w.Key.Namespace, rules.Push, ns)
	if a.Verb == Detach && !a.ByRules {
		may, _ := m.mayAttach(ns)
		a.ByRules = !may
	}
	if a.ByRules || m.w.Source.Policy.SelectsByLabel() || ns.Accept != nil && !ns.Accept.Match(m.w.Key.Namespace) {
		a.Evidence = ns
	}
}
