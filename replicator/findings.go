package replicator

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// findings are the verdicts on one source's targets, replicas and pullers, other than InSync. A pass replaces those in
// its scope.
type findings map[types.NamespacedName]plan.Verdict

// update takes in the verdicts of a pass over a source whose replicas have the given name, and reports whether anything
// is different from before.
func (f findings) update(scope informers.Scope, name string, verdicts []plan.Verdict) (changed bool) {
	seen := make(map[types.NamespacedName]struct{}, len(f))
	for _, v := range verdicts {
		if v.State == plan.InSync {
			continue
		}
		seen[v.NamespacedName] = struct{}{}
		if f[v.NamespacedName] != v {
			f[v.NamespacedName] = v
			changed = true
		}
	}
	namespaces := scope.AllNamespaces()
	for n, v := range f {
		// Of orphaned replicas that had another name a pass looks only at those that its scope names.
		covered := scope.Full || scope.Objects.Has(n) ||
			namespaces.Has(n.Namespace) && (v.State != plan.Orphaned || n.Name == name)
		if _, ok := seen[n]; !ok && covered {
			delete(f, n)
			changed = true
		}
	}
	return changed
}

// count returns how many there are of each state.
func (f findings) count() map[plan.State]int {
	counts := map[plan.State]int{}
	for _, v := range f {
		counts[v.State]++
	}
	return counts
}

// sorted returns the findings by namespace and name.
func (f findings) sorted() []plan.Verdict {
	list := make([]plan.Verdict, 0, len(f))
	for _, v := range f {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b plan.Verdict) int { return strings.Compare(a.String(), b.String()) })
	return list
}
