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
// Exclude does not take it away. An error says that it can't be told (a regular expression ran out of time): the source
// is frozen then.
func (p *Policy) PushesTo(namespace string, labels map[string]string) (bool, error) {
	if p == nil {
		return false, nil
	}
	return p.reaches(p.Push, namespace, labels)
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
	matches, err := reach.Match(namespace, labels)
	if err != nil {
		return false, err
	}
	return matches && !p.Exclude.Match(namespace), nil
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
		p.SurvivesRecreation == other.SurvivesRecreation
}
