package plan

import (
	"slices"
	"strings"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// maxAttachment is how many bytes the conditions of an attachment may have: the API server evaluates them for each
// ServiceAccount that is created.
const maxAttachment = 4 << 10

// AttachmentOf returns which ServiceAccounts are to name the replicas of an active source from their creation on, or
// nil if none is to. It says no more than what Make would do to a ServiceAccount in a new namespace, as far as that
// depends on the name and the labels of the namespace. The consent of a namespace to attach is not enough: anyone could
// have the API server look at their source for each ServiceAccount of the cluster.
func AttachmentOf(w *World) *informers.Attachment {
	policy := w.Source.Policy.Full()
	if w.Err != nil || policy == nil || w.Key.Kind != annotations.Secret || !Attachable(w.Source.Type) {
		return nil
	}
	m := maker{w: w, grants: map[string]rules.Grants{}}
	grants := m.grantsOf(w.Key.Namespace)
	conditions := append(
		policy.PushConditions(),
		notThese(w.Key.Namespace, w.Settings.Namespace), w.Settings.Protected.Negation(),
		grants.Condition(rules.Push), grants.Condition(rules.Attach),
	)
	accounts := policy.AttachTo.Condition()
	if len(accounts) == 0 || slices.ContainsFunc(conditions, func(c annotations.Condition) bool { return len(c) == 0 }) {
		return nil
	}
	a := &informers.Attachment{
		Source: w.Key.NamespacedName, Secret: policy.ReplicaName(w.Key.Name),
		Accounts: accounts.String(), Namespaces: joined(conditions),
	}
	if len(a.Accounts)+len(a.Namespaces) > maxAttachment {
		return nil
	}
	return a
}

// notThese is the condition that a namespace is none of these.
func notThese(namespaces ...string) annotations.Condition {
	p, err := annotations.ParseNamespacePatterns(strings.Join(namespaces, ","))
	if err != nil {
		return nil
	}
	return p.Negation()
}

// joined separates the conditions, all of which have to hold, by empty lines.
func joined(conditions []annotations.Condition) string {
	texts := make([]string, len(conditions))
	for i, c := range conditions {
		texts[i] = c.String()
	}
	return strings.Join(texts, "\n\n")
}
