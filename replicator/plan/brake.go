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

// remove adds the removals of replicas, or notes that they wait.
func (m *maker) remove(orphans []Action) {
	if !m.w.Brake.holds(len(orphans)) {
		m.plan.Actions = append(m.plan.Actions, orphans...)
		return
	}
	m.braked = sets.New[types.NamespacedName]()
	for i := range orphans {
		m.plan.Braked = append(m.plan.Braked, orphans[i].Target)
		m.braked.Insert(orphans[i].Target)
	}
}

// evidence returns the namespaces that are the reason, or part of it, that no replica is wanted in one: they are read
// again before the removal. There are none where the source or the operator alone decides.
func (m *maker) evidence(ns *informers.Namespace) []*informers.Namespace {
	if m.w.Phase != PhaseActive || ns == nil {
		return nil
	}
	//mutant:live-namespaces-of-rules
	if !m.may(m.w.Key.Namespace, rules.Push, ns) { // the labels of either may be why
		return []*informers.Namespace{ns, m.w.Homes[m.w.Key.Namespace]}
	}
	if m.w.Source.Policy.SelectsByLabel() || ns.Accept != nil && !ns.Accept.Match(m.w.Key.Namespace) {
		return []*informers.Namespace{ns}
	}
	return nil
}
