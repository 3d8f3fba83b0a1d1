package plan

import "github.com/mirrorball-dev/mirrorball/informers"

func (m *maker) pullers() {
	for i := range m.w.Pullers {
		p := &m.w.Pullers[i]
		id := p.Identity()
		if p.In == nil {
			m.plan.Undecided = append(m.plan.Undecided, id.NamespacedName)
			continue
		}
		if p.In.Deleting || id.Deleting || len(p.Problems()) > 0 {
			continue
		}
		state, reason := m.puller(p)
		m.plan.Verdicts = append(m.plan.Verdicts, Verdict{
			NamespacedName: id.NamespacedName, State: state, Pull: true, UID: id.UID, Reason: reason,
		})
		if state == Missing || state == Drifted {
			m.act(Action{
				Verb: Fill, Target: id.NamespacedName, Occupant: p.Occupant, Pull: p.Pull(), NamespaceUID: p.In.UID,
				created: p.In.Created.Unix(),
			})
		}
	}
}

func (m *maker) puller(p *informers.Puller) (State, string) {
	src, r := &m.w.Source, p.Replica
	want := src.Pulled(p.Pull().Dialect)
	switch {
	//mutant:permission-to-pull
	case !p.Permitted:
		return Forbidden, "the source does not permit pulling by this namespace"
	case p.In.Paused:
		return Paused, ""
	case m.w.Settings.Protects(p.In.Name):
		return Barred, "the namespace is protected"
	case r == nil:
		if why := m.incompatible(p.Candidate, false); why != "" {
			return Mismatched, why
		}
		return Missing, ""
	case r.Source == m.w.Key.NamespacedName && r.Digest == want:
		return InSync, ""
	case r.Type != src.Type:
		return Mismatched, "its type is " + r.Type + ", the type of the source is " + src.Type
	case r.Immutable:
		return Mismatched, "it is immutable"
	}
	return Drifted, ""
}
