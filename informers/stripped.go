package informers

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// This file recognises replicas whose label was taken off or changed. Who wants to have one to themselves takes the
// annotation that names the source off as well.

// modeOf returns how a labelled object came to be: its label's value, unless that was changed. What asks to be filled
// came to be by that; and what was filled once, and does not ask any more, is its owner's.
func modeOf(c Content, claims *annotations.Claims) string {
	mode, pulls := c.Labels[annotations.LabelReplica], claims != nil && claims.PullFrom != nil
	switch {
	case mode == annotations.ReplicaPush, pulls, c.Annotations[annotations.ReplicaOf] == "",
		mode == annotations.ReplicaPull && c.Labels[annotations.LabelManagedBy] != annotations.ManagedBy:
		return mode
	}
	return annotations.ReplicaPush
}

// stripped returns what an object without the replica label is but for that; nil if it is no replica. Nothing of its
// content is known. Only what is labelled as managed by Mirrorball has a Mode, and is removed where no replica belongs:
// the rest may be what its owner had filled once.
func stripped(id Identity, m metav1.Object, claims *annotations.Claims) *Replica {
	notes, labels := m.GetAnnotations(), m.GetLabels()
	//mutant:stripped-replicas
	if notes[annotations.ReplicaOf] == "" || claims != nil && claims.SaysMore() {
		return nil
	}
	source := annotationSource(notes)
	if !annotations.CouldName(source) {
		return nil
	}
	r := &Replica{
		Identity: id, Source: interned(source), Unlabelled: len(labels) == 0,
		Keep:              notes[annotations.KeptOnDelete] == string(annotations.Keep),
		CopiedLabels:      present(labels, SplitList(notes[annotations.CopiedLabels])),
		CopiedAnnotations: present(notes, SplitList(notes[annotations.CopiedAnnotations])),
	}
	if labels[annotations.LabelManagedBy] == annotations.ManagedBy {
		r.Mode = annotations.ReplicaPush
	}
	return r
}

// Marked returns the object as a replica: one that is labelled, or was. It is nil for any other object.
func (o Occupant) Marked() *Replica {
	switch {
	case o.Replica != nil:
		return o.Replica
	case o.Candidate != nil:
		return o.Candidate.Stripped
	}
	return nil
}
