package replicator

import (
	"fmt"
	"slices"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// withheld are the rights that one source lacks at its targets. A pass replaces those in its scope.
type withheld map[withheldKey]string

type withheldKey struct {
	right     rules.Right
	namespace string
	// unreadable says that the namespace may give the right, and that its annotation can't be read. The map's value is
	// what is wrong with it.
	unreadable bool
}

// update takes in what a pass found, and reports whether anything is different from before.
func (w withheld) update(scope informers.Scope, list []plan.Withheld) (changed bool) {
	seen := make(map[withheldKey]struct{}, len(list))
	for _, x := range list {
		key, problem := withheldKey{right: x.Right, namespace: x.Namespace}, ""
		if x.Problem != nil {
			key.unreadable, problem = true, x.Problem.String()
		}
		seen[key] = struct{}{}
		if was, ok := w[key]; !ok || was != problem {
			w[key], changed = problem, true
		}
	}
	namespaces := scope.AllNamespaces()
	for key := range w {
		if _, ok := seen[key]; !ok && (scope.Full || namespaces.Has(key.namespace)) {
			delete(w, key)
			changed = true
		}
	}
	return changed
}

// withheldWarnings say which rights the source lacks, and who grants them.
func withheldWarnings(p *pass) (list warnings) {
	at := map[withheldKey][]string{}
	for key := range p.state.withheld {
		group := withheldKey{right: key.right, unreadable: key.unreadable}
		at[group] = append(at[group], key.namespace)
	}
	for _, right := range rules.All {
		for _, unreadable := range []bool{false, true} {
			group := withheldKey{right: right, unreadable: unreadable}
			if namespaces := at[group]; len(namespaces) > 0 {
				slices.Sort(namespaces)
				list = append(list, withheldWarning(p, group, namespaces))
			}
		}
	}
	return list
}

func withheldWarning(p *pass, group withheldKey, namespaces []string) warning {
	key := warningKey{subject: p.key, reason: reasonBarred, right: group.right}
	// No count: the note would change, and be recorded again, with each new namespace.
	places := enumerate(namespaces)
	rule := fmt.Sprintf("a rule that allows [%s] for sources in %s, which the operator writes into %s of the ConfigMap "+
		"%s/%s", group.right, p.key.Namespace, informers.RulesKey, p.world.Settings.Namespace, informers.RulesName)
	note := ""
	switch {
	case group.unreadable:
		key.reason = reasonUnreadable
		group.namespace = namespaces[0]
		note = fmt.Sprintf("the consent of the namespaces %s to attaching cannot be parsed: %s; nothing is attached or "+
			"detached there; correct the annotation on the Namespace", places, p.state.withheld[group])
	case group.right == rules.Push:
		note = fmt.Sprintf("the source may not push to the namespaces %s: this needs %s; or narrow the annotations of the "+
			"source", places, rule)
	case group.right == rules.Attach:
		note = fmt.Sprintf("replicas are not attached to ServiceAccounts in the namespaces %s: this needs %s; or the "+
			"annotation %s: %q on the Namespace", places, rule, annotations.AcceptAttachFrom, p.key.Namespace)
	default:
		note = fmt.Sprintf("the labels and annotations %s are not copied to the namespaces %s: this needs %s; or do not "+
			"copy these keys", enumerate(p.world.Source.Prefixed), places, rule)
	}
	return warning{key, p.state.uid, note}
}
