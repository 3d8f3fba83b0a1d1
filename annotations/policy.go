package annotations

import (
	"errors"
	"maps"
	"slices"
)

// policySize is how many bytes a policy takes beside its text.
const policySize = 1 << 10

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
	for {
		if yes, err := p.TryPushesTo(namespace, labels); !errors.Is(err, ErrTryAgain) {
			return yes, err
		}
	}
}

// TryPushesTo is PushesTo, but returns ErrTryAgain when a match ran into its timeout, so that others get their turn
// before it is tried again.
func (p *Policy) TryPushesTo(namespace string, labels map[string]string) (bool, error) {
	if p == nil || p.Push == nil {
		return false, nil
	}
	full, err := p.loaded()
	if err != nil {
		return false, err
	}
	return full.match(full.Push, namespace, labels, onOwnAccount)
}

// SelectsByLabel reports whether the labels of a namespace matter to where the source is pushed.
func (p *Policy) SelectsByLabel() bool {
	if p == nil {
		return false
	}
	full := p.Full()
	return full == nil || full.Push.selectsByLabel()
}

// PushesToNames reports whether the namespaces that the source is pushed to are given by their names: by no pattern,
// expression or label.
func (p *Policy) PushesToNames() bool {
	full := p.Full()
	return full != nil && full.Push.isNames()
}

// PullableBy reports whether an object in a namespace of this name and with these labels may be filled from the source.
// Its error is as that of PushesTo.
func (p *Policy) PullableBy(namespace string, labels map[string]string) (bool, error) {
	for {
		if yes, err := p.TryPullableBy(namespace, labels); !errors.Is(err, ErrTryAgain) {
			return yes, err
		}
	}
}

// TryPullableBy is to PullableBy what TryPushesTo is to PushesTo.
func (p *Policy) TryPullableBy(namespace string, labels map[string]string) (bool, error) {
	if p == nil || p.Pull == nil {
		return false, nil
	}
	full, err := p.loaded()
	if err != nil {
		return false, err
	}
	return full.match(full.Pull, namespace, labels, onOwnAccount)
}

// loaded returns the policy with its text, or the error for which nothing is known of its namespaces now.
func (p *Policy) loaded() (*Policy, error) {
	if err := p.Suspended(); err != nil {
		return nil, err
	}
	full := p.Full()
	if full == nil {
		return nil, errNotLoaded
	}
	return full, full.budget.frozen()
}

// Frozen returns the error for which nothing is done on the policy's account now, or nil.
func (p *Policy) Frozen() error {
	if err := p.Suspended(); err != nil {
		return err
	}
	if full := p.Full(); full != nil {
		return full.budget.frozen()
	}
	return nil
}

// Competes reports whether the source is pushed to a namespace, for another source that wants the same target there.
// The other one is not made to wait: a policy that is slow and whose answer is not remembered, or that is frozen, wants
// nothing.
func (p *Policy) Competes(namespace string, labels map[string]string) bool {
	if p == nil || p.Push == nil {
		return false
	}
	full, err := p.loaded()
	if err != nil {
		return false
	}
	wants, err := full.match(full.Push, namespace, labels, asCompetitor)
	return wants && err == nil
}

// MayReach reports whether the source may be pushed to, or pulled by, a namespace of this name and with these labels.
// It spends no time on matching: where only a match that may take long could tell, and its answer is not remembered,
// it returns true.
func (p *Policy) MayReach(namespace string, labels map[string]string) bool {
	if p == nil {
		return false
	}
	full := p.Full()
	if full == nil {
		return true
	}
	push, err := full.match(full.Push, namespace, labels, onlyRemembered)
	if push || err != nil {
		return true
	}
	pull, err := full.match(full.Pull, namespace, labels, onlyRemembered)
	return pull || err != nil
}

func (p *Policy) match(reach *Reach, namespace string, labels map[string]string, on mode) (bool, error) {
	m := meter{p.budget, on}
	if matches, err := reach.match(namespace, labels, m); err != nil || !matches || p.Exclude.Empty() {
		return matches, err
	}
	excluded, err := m.cached(p.excluded, namespace, func() (bool, error) {
		return m.spend(func() (bool, error) { return p.Exclude.Match(namespace), nil })
	})
	return !excluded && err == nil, err
}

// SetShare has the time for matching taken from the share of the source's namespace as well.
func (p *Policy) SetShare(share *Share) {
	if p.budget != nil {
		p.budget.share.Store(share)
	}
}

// Remembers reports whether matching is worth remembering, so that to ask again about the same names costs next to
// nothing.
func (p *Policy) Remembers() bool { return p != nil && p.budget != nil }

// Cost is about how many bytes a policy takes.
type Cost struct {
	// Own is what its text, its remembered answers and most of its compiled expressions take.
	Own int
	// Programs is what each of its large expressions compiles to, by their text. Policies in which the same expression
	// stands share its program.
	Programs map[string]int
}

// Cost returns about how many bytes the policy takes.
func (p *Policy) Cost() Cost {
	c := Cost{Own: policySize + p.textSize, Programs: map[string]int{}}
	var seen []*expressions // two sides may be one
	if p.budget != nil {
		c.Own += 3 * answersSize() // of push, pull and exclude
	}
	for _, r := range []*Reach{p.Push, p.Pull} {
		r.each(func(s *side) {
			if x := s.expressions; !x.empty() && !slices.Contains(seen, x) {
				seen = append(seen, x)
				c.Own += x.size
				maps.Copy(c.Programs, x.large)
			}
		})
	}
	return c
}

// Suspend frees what the policy has compiled and remembered, and keeps it from being matched: until Resume, PushesTo
// and PullableBy return the error.
func (p *Policy) Suspend(err error) {
	p.held.suspended.Store(&err)
	if full := p.held.full.Swap(nil); full != nil {
		full.Suspend(err)
	}
	if p.excluded != nil {
		p.excluded.forget()
	}
	for _, r := range []*Reach{p.Push, p.Pull} {
		r.each(func(s *side) {
			s.remembered.forget()
			s.expressions.release()
		})
	}
}

// Resume ends what Suspend began.
func (p *Policy) Resume() { p.held.suspended.Store(nil) }

// Suspended returns the error of Suspend, or nil.
func (p *Policy) Suspended() error {
	if p.held != nil {
		if err := p.held.suspended.Load(); err != nil {
			return *err
		}
	}
	return nil
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
	if p.outline != nil || other.outline != nil {
		return p.outline != nil && other.outline != nil && *p.outline == *other.outline
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
