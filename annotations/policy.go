package annotations

import "slices"

// String returns the dialect's name, as people know it.
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

// PushesTo reports whether the source is pushed to a namespace of this name and with these labels: Push gives it, and
// Exclude does not take it away. An error means that the answer is not known, because matching takes too long. The
// source is frozen then, and it can be asked again later.
func (p *Policy) PushesTo(namespace string, labels map[string]string) (bool, error) {
	if p == nil {
		return false, nil
	}
	return p.reaches(p.Push, namespace, labels)
}

// SelectsByLabel reports whether the labels of a namespace matter to where the source is pushed.
func (p *Policy) SelectsByLabel() bool { return p != nil && p.Push.selectsByLabel() }

// PullableBy reports whether an object in a namespace of this name and with these labels may be filled from the source.
// Its error is as that of PushesTo.
func (p *Policy) PullableBy(namespace string, labels map[string]string) (bool, error) {
	if p == nil {
		return false, nil
	}
	return p.reaches(p.Pull, namespace, labels)
}

func (p *Policy) reaches(reach *Reach, namespace string, labels map[string]string) (bool, error) {
	if reach == nil {
		return false, nil
	}
	if err := p.budget.frozen(); err != nil {
		return false, err
	}
	return p.match(reach, namespace, labels, p.budget)
}

// MayReach reports whether the source may be pushed to, or pulled by, a namespace of this name and with these labels.
// It spends no time on matching: where only a match that may take long could tell, and its answer is not remembered,
// it returns true.
func (p *Policy) MayReach(namespace string, labels map[string]string) bool {
	if p == nil {
		return false
	}
	var b *budget
	if p.budget != nil {
		b = onlyRemembered
	}
	push, err := p.match(p.Push, namespace, labels, b)
	if push || err != nil {
		return true
	}
	pull, err := p.match(p.Pull, namespace, labels, b)
	return pull || err != nil
}

func (p *Policy) match(reach *Reach, namespace string, labels map[string]string, b *budget) (bool, error) {
	if matches, err := reach.match(namespace, labels, b); err != nil || !matches || p.Exclude.Empty() {
		return matches, err
	}
	excluded, err := b.cached(p.excluded, namespace, func() (bool, error) {
		return b.spend(func() (bool, error) { return p.Exclude.Match(namespace), nil })
	})
	return !excluded && err == nil, err
}

// ReplicaName returns the name of the source's replicas, given its own.
func (p *Policy) ReplicaName(source string) string {
	if p == nil || p.TargetName == "" {
		return source
	}
	return p.TargetName
}

// Equal reports whether two policies were written alike, so that a change from one to the other needs no action.
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
