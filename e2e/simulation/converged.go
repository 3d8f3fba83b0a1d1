package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// checkConverged checks the state of the cluster once nothing happens any more.
func (o *oracle) checkConverged() {
	now := time.Now()
	for p, s := range o.items {
		if s.phase == active {
			for _, n := range o.namespaces {
				if o.wantsNow(s, n) {
					o.convergedTarget(p, s, n)
				}
			}
		}
		if policy, _, record := o.record(p); o.survives(s, policy, record) {
			o.violate(ruleConverged, p.String()+" was created again, and its policy was not restored")
		}
	}
	for p, v := range o.items {
		o.convergedReplica(p, v, now)
		o.convergedPuller(p, v)
	}
	for n, sa := range o.accounts {
		o.convergedAccount(n, sa)
	}
	o.checkBounded()
}

// convergedTarget checks that where a source wants a replica there is one, or an object that has precedence.
func (o *oracle) convergedTarget(p place, s *view, n *namespace) {
	target := at(p.kind, n.name, s.claims.Policy.ReplicaName(p.Name))
	v := o.items[target]
	if v == nil {
		if o.isReservedByPaused(p, target, n) {
			return
		}
		o.violate(ruleConverged, fmt.Sprintf("%s is missing, which %s wants", target, p))
		return
	}
	if v.mode() != annotations.ReplicaPush {
		if m := v.claims.Mirror; !v.labelled() && m != nil && *m == p.NamespacedName && v.claims.Policy == nil &&
			v.claims.PullFrom == nil && v.kindType == s.kindType && !v.immutable {
			o.violate(ruleConverged, fmt.Sprintf("%s is another controller's replica of %s, and was not adopted", target, p))
		}
		return
	}
	of, ok := sourceOf(v.item)
	if !ok {
		return // a forged replica that names no source
	}
	if of != p {
		return // convergedReplica checks that it belongs there
	}
	if v.DeletionTimestamp != nil {
		return
	}
	switch {
	case !maps.Equal(v.data, selected(s)):
		o.violate(ruleConverged, fmt.Sprintf("%s has not the content of %s", target, p))
	case v.kindType != s.kindType || v.immutable != s.immutable:
		o.violate(ruleConverged, fmt.Sprintf("%s has not the type of %s, or is not as immutable", target, p))
	}
	policy := s.claims.Policy
	marks, notes := replicaMarks(annotations.ReplicaPush, p.NamespacedName)
	mayLabel := o.present(s, n).allows(rightLabels)
	for k, val := range s.Labels {
		if _, mark := marks[k]; !mark && policy.CopyLabels.MatchKey(k) && (mayLabel || !isOthers(k)) {
			marks[k] = val
		}
	}
	for k, val := range s.Annotations {
		if policy.CopyAnnotations.MatchKey(k) && (mayLabel || !isOthers(k)) {
			notes[k] = val
		}
	}
	for _, k := range strings.Split(v.Annotations[annotations.CopiedLabels], ",") {
		if !mayLabel && isOthers(k) {
			o.violate(ruleConsent, fmt.Sprintf("%s still carries %s, which the rules do not allow %s", target, k, p))
		}
	}
	for k, val := range marks {
		if v.Labels[k] != val {
			o.violate(ruleConverged, fmt.Sprintf("%s has not the label %s", target, k))
		}
	}
	for k, val := range notes {
		if v.Annotations[k] != val {
			o.violate(ruleConverged, fmt.Sprintf("%s has not the annotation %s", target, k))
		}
	}
}

// convergedReplica checks that no replica is left that no source wants. One that has a policy of its own may be a
// source that was labelled: it stays while replicas name it.
func (o *oracle) convergedReplica(p place, v *view, now time.Time) {
	if v.mode() != annotations.ReplicaPush || v.DeletionTimestamp != nil || v.claims.Policy != nil {
		return
	}
	s, ok := sourceOf(v.item)
	if !ok || o.mustExist(s, p, o.present(o.items[s], o.namespaces[p.Namespace]), now) {
		return
	}
	policy, _, record := o.record(s)
	m := o.missing[s]
	kept := m != nil && (m.keep || record != nil && policy.OnDelete == annotations.Keep)
	if !kept && !o.isMarked(s, v, record) {
		o.violate(ruleConverged, fmt.Sprintf("%s is still there, a replica that %s does not want", p, s))
	}
}

// isMarked reports whether a replica was marked to be kept, and nothing is remembered of its source, which is missing:
// it may stay. Whoever forges the mark keeps the object that they forged. A process that started after the source was
// released may take it for one that was created again, which is missing.
func (o *oracle) isMarked(source place, v *view, record *item) bool {
	s, m := o.items[source], o.missing[source]
	released := s != nil && m != nil && m.uid == s.UID && o.started.Before(m.missingSince)
	return v.Annotations[annotations.KeptOnDelete] != "" && record == nil && !released
}

// convergedPuller checks that an object that may pull has the source's content.
func (o *oracle) convergedPuller(p place, v *view) {
	pull := v.claims.PullFrom
	if pull == nil || len(v.claims.Problems) > 0 || v.mode() == annotations.ReplicaPush || v.DeletionTimestamp != nil {
		return
	}
	source := place{p.kind, pull.From}
	s, n := o.items[source], o.namespaces[p.Namespace]
	if !o.permitsPull(s, n) || n.deleting || s.kindType != v.kindType || v.immutable {
		return
	}
	want := selected(s)
	for k, val := range want {
		if v.data[k] != val {
			o.violate(ruleConverged, fmt.Sprintf("%s has not the content of %s that it asked for", p, source))
			return
		}
	}
	if pull.Dialect != annotations.Replicator && len(v.data) != len(want) {
		o.violate(ruleConverged, fmt.Sprintf("%s has more than the content of %s that it asked for", p, source))
	}
	if of, _ := sourceOf(v.item); v.mode() != annotations.ReplicaPull || of != source {
		o.violate(ruleConverged, fmt.Sprintf("%s is not marked as filled from %s", p, source))
	}
}

// convergedAccount checks that a ServiceAccount names the pull secrets that are attached to it, and none that no longer
// are.
func (o *oracle) convergedAccount(n types.NamespacedName, sa *corev1.ServiceAccount) {
	ns := o.namespaces[n.Namespace]
	if ns == nil || ns.deleting || ns.paused || sa.DeletionTimestamp != nil {
		return
	}
	attaches := func(p place, s *view) bool {
		switch corev1.SecretType(s.kindType) {
		case corev1.SecretTypeDockerConfigJson, corev1.SecretTypeDockercfg:
			return p.kind == annotations.Secret && s.claims.Policy.AttachTo.Match(n.Name) && o.wantsNow(s, ns) &&
				o.present(s, ns).allows(rightAttach)
		}
		return false
	}
	for p, s := range o.items {
		if s.phase != active || !attaches(p, s) {
			continue
		}
		name := s.claims.Policy.ReplicaName(p.Name)
		if r := o.items[at(p.kind, n.Namespace, name)]; r != nil && r.mode() == annotations.ReplicaPush {
			if of, ok := sourceOf(r.item); ok && of == p && !slices.Contains(pullSecrets(sa), name) {
				o.violate(ruleConverged, fmt.Sprintf("ServiceAccount %s does not name %s, which %s attaches", n, name, p))
			}
		}
	}
	for name, p := range attachedTo(sa) {
		s := o.items[p]
		if s == nil || s.phase != active || ns.frozen || ns.attachFrozen {
			continue
		}
		if !attaches(p, s) || s.claims.Policy.ReplicaName(p.Name) != name {
			o.violate(ruleConverged, fmt.Sprintf("ServiceAccount %s still names %s, which %s does not attach", n, name, p))
		}
	}
}
