package annotations

import "slices"

// String is the dialect's name, as people know it.
func (d Dialect) String() string {
	switch d {
	case Native:
		return "native"
	case Reflector:
		return "reflector"
	case Replicator:
		return "kubernetes-replicator"
	}
	return "unknown"
}

// PushesTo says whether the source is pushed to a namespace of this name and with these labels: Push gives it, and
// Exclude does not take it away. An error says that it can't be told, now or ever after, because matching takes too
// long: the source is frozen then.
func (p *Policy) PushesTo(namespace string, labels map[string]string) (bool, error) {
	if p == nil {
		return false, nil
	}
	return p.reaches(p.Push, namespace, labels)
}

// SelectsByLabel says whether the labels of a namespace matter to where the source is pushed.
func (p *Policy) SelectsByLabel() bool { return p != nil && p.Push.selectsByLabel() }

// MayReach says whether the source may be pushed to, or pulled by, a namespace of this name and with these labels. It
// errs on the side of yes where only a match that may take long could tell.
func (p *Policy) MayReach(namespace string, labels map[string]string) bool {
	if p == nil {
		return false
	}
	if p.budget != nil {
		return true
	}
	push, err := p.PushesTo(namespace, labels)
	if push || err != nil {
		return true
	}
	pull, err := p.PullableBy(namespace, labels)
	return pull || err != nil
}

// PullableBy says whether an object in a namespace of this name and with these labels may be filled from the source.
// Its error is as that of PushesTo.
func (p *Policy) PullableBy(namespace string, labels map[string]string) (bool, error) {
	if p == nil {
		return false, nil
	}
	return p.reaches(p.Pull, namespace, labels)
}

func (p *Policy) reaches(reach *Reach, namespace string, labels map[string]string) (bool, error) {
	match := func() (bool, error) {
		matches, err := reach.Match(namespace, labels)
		return matches && !p.Exclude.Match(namespace), err
	}
	if p.budget == nil || reach == nil {
		return match()
	}
	return p.budget.match(match)
}

// ReplicaName is the name of the source's replicas, given its own.
func (p *Policy) ReplicaName(source string) string {
	if p == nil || p.TargetName == "" {
		return source
	}
	return p.TargetName
}

// Equal says whether two policies say the same in the same words, so that nothing is to be done on account of a change.
func (p *Policy) Equal(other *Policy) bool {
	if p == nil || other == nil {
		return p == other
	}
	return p.Dialect == other.Dialect &&
		p.Push.Equal(other.Push) &&
		p.Pull.Equal(other.Pull) &&
		p.Exclude.Equal(other.Exclude) &&
		p.TargetName == other.TargetName &&
		slices.Equal(p.Keys, other.Keys) &&
		p.CopyLabels.Equal(other.CopyLabels) &&
		p.CopyAnnotations.Equal(other.CopyAnnotations) &&
		p.AttachTo.Equal(other.AttachTo) &&
		p.OnDelete == other.OnDelete &&
		p.SurvivesRecreation == other.SurvivesRecreation &&
		p.Paused == other.Paused
}
