package plan

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// Plan is a decision.
type Plan struct {
	Actions  []Action
	Verdicts []Verdict
	// Withheld are the rights that the source lacks at its targets, in the order of the targets.
	Withheld []Withheld
	// Err says that the policy could not be matched, which freezes the source: there are no actions then.
	Err error
	// Undecided are objects in namespaces that the watch does not show (yet). They have to be looked at again.
	Undecided []types.NamespacedName
	// Braked are replicas whose removal waits; see Brake.
	Braked []types.NamespacedName
}

// Make compares the world with the policy.
func Make(w *World) Plan {
	if w.Err != nil {
		return Plan{Err: w.Err}
	}
	m := maker{
		w: w, name: w.Source.Policy.ReplicaName(w.Key.Name),
		wanted: make([]bool, len(w.Targets)), served: make([]bool, len(w.Targets)), grants: map[string]rules.Grants{},
	}
	m.plan.Verdicts = make([]Verdict, 0, len(w.Targets)+len(w.Pullers))
	switch {
	case w.Phase == PhaseActive && w.Homes[w.Key.Namespace] == nil:
		// What the source may do where is not known until the watch shows its namespace; the source is looked at then.
		m.pullers()
	case w.Phase == PhaseActive:
		m.targets()
		m.orphans("its source's policy does not select its namespace any more")
		m.detach()
		m.pullers()
	case w.Phase.Removes():
		m.orphans("its source has no policy for it any more")
		m.detach()
	}
	slices.SortFunc(m.plan.Actions, compareActions)
	return m.plan
}

type maker struct {
	w    *World
	plan Plan
	// name is that of the replicas.
	name string
	// wanted says of each target whether a replica may stand there, whoever stands there now; served whether one does or
	// is on its way.
	wanted, served []bool
	// braked are the replicas that stay for now although none is wanted there.
	braked sets.Set[types.NamespacedName]
	// grants are what the rules say about the sources in a namespace, for those that were asked for.
	grants map[string]rules.Grants
}

// isHeld reports whether nothing is to be removed in the namespace for now.
func (m *maker) isHeld(ns *informers.Namespace) bool {
	//mutant:unreadable-accept-from
	return ns != nil && (ns.Deleting || ns.Paused || ns.Problem != nil && m.w.Phase == PhaseActive)
}

// isAmong reports whether a name is that of a target of which places is true.
func (m *maker) isAmong(places []bool, n types.NamespacedName) bool {
	if n.Name != m.name {
		return false
	}
	i, found := slices.BinarySearchFunc(m.w.Targets, n.Namespace, func(t informers.Target, namespace string) int {
		return cmp.Compare(t.Namespace.Name, namespace)
	})
	return found && places[i]
}

func (m *maker) act(a Action) { m.plan.Actions = append(m.plan.Actions, a) }

func (m *maker) judge(n types.NamespacedName, s State, reason string) {
	m.plan.Verdicts = append(m.plan.Verdicts, Verdict{NamespacedName: n, State: s, Reason: reason})
}

func (m *maker) targets() {
	for i := range m.w.Targets {
		t := &m.w.Targets[i]
		ns, at := t.Namespace, types.NamespacedName{Namespace: t.Namespace.Name, Name: m.name}
		switch {
		case ns.Deleting:
			m.judge(at, Terminating, "")
		case ns.Problem != nil:
			m.judge(at, Unreadable, ns.Problem.String())
		//mutant:paused-namespace
		case ns.Paused:
			m.judge(at, Paused, "")
		case m.w.Settings.Reserves(m.w.Key.Kind, m.name):
			m.judge(at, Reserved, "every namespace has an object of this name that is not Mirrorball's")
		case m.w.Settings.Protects(ns.Name):
			m.judge(at, Barred, "the namespace is protected")
		//mutant:accept-from
		case ns.Accept != nil && !ns.Accept.Match(m.w.Key.Namespace):
			m.judge(at, Barred, "the namespace does not accept pushes from "+m.w.Key.Namespace)
		//mutant:right-to-push
		case !m.may(m.w.Key.Namespace, rules.Push, ns):
			m.judge(at, Barred, "the rules do not allow the namespace "+m.w.Key.Namespace+" to push to it")
			m.withhold(ns, rules.Push, nil)
		default:
			m.wanted[i] = true
			if m.served[i] = m.target(t, at); m.served[i] {
				if t.Occupant.Pull() == nil && m.isPlain(ns) {
					m.withhold(ns, rules.Labels, nil)
				}
				m.attach(t)
			}
		}
	}
}

// target decides on one place, and reports whether a replica is there or on its way.
func (m *maker) target(t *informers.Target, at types.NamespacedName) bool {
	src, s := &m.w.Source, t.Occupant
	act := Action{
		Target: at, Occupant: s, Plain: m.isPlain(t.Namespace), NamespaceUID: t.Namespace.UID,
		created: t.Namespace.Created.Unix(),
	}
	switch r := s.Replica; {
	case s.Identity() == nil:
		if why := m.taken(t); why != "" {
			m.judge(at, Conflict, why)
			return false
		}
		m.judge(at, Missing, "")
		act.Verb = Create
	case s.Pull() != nil && s.Pull().From == m.w.Key.NamespacedName:
		return true // the object's owner asked for the same content
	case s.Candidate != nil && s.Candidate.Stripped != nil && m.names(s.Candidate.Stripped.Source):
		m.judge(at, Drifted, "its label was taken off")
		if s.Candidate.Deleting {
			return true
		}
		act.Verb = Update
	//mutant:replicas-of-others
	case r != nil && r.Mode == annotations.ReplicaPush && m.names(r.Source):
		if r.Digest == src.Pushed(act.Plain) && !r.Deleting {
			m.judge(at, InSync, "")
			return true
		}
		m.judge(at, Drifted, "")
		if r.Deleting {
			return true // held by a finalizer; created again once it is gone
		}
		act.Verb = Update
		if r.Type != src.Type || r.Immutable {
			act.Verb = Recreate
		}
	case r != nil && r.Mode == annotations.ReplicaPush && r.Source != (types.NamespacedName{}):
		m.judge(at, Conflict, "the existing object is a replica of "+r.Source.String())
		return false
	//mutant:strangers
	case s.Candidate != nil && m.madeByPeer(s.Candidate):
		act.Contested = s.Candidate.Claims.Mirror == nil && m.isContested(t)
		if why := m.incompatible(s.Candidate, act.Contested); why != "" {
			m.judge(at, Occupied, why)
			return false
		}
		m.judge(at, Drifted, "made by another controller from this source")
		act.Verb = Adopt
		m.act(act)
		return false // it may turn out to be another's
	default:
		m.judge(at, Occupied, "the object is not a replica of this source")
		return false
	}
	m.act(act)
	return true
}

// names reports whether a replica names this source: whole, or, where it has lost the annotation that holds a long name
// whole, by the label that holds what fits into one.
func (m *maker) names(source types.NamespacedName) bool {
	key := m.w.Key
	return source == key.NamespacedName ||
		source.Namespace == key.Namespace && source.Name == annotations.LabelValue(key.Name)
}

// madeByPeer recognises what Reflector and kubernetes-replicator may have made of this very source. Reflector's copies
// name it. kubernetes-replicator's do not: whether one is of this source is found out when it is to be adopted, by the
// version that it records, or by its content.
func (m *maker) madeByPeer(c *informers.Candidate) bool {
	if c.Claims == nil || c.Deleting || c.Claims.Policy != nil || c.Claims.PullFrom != nil {
		return false
	}
	if c.Claims.Mirror != nil {
		//mutant:mirrors-of-others
		return *c.Claims.Mirror == m.w.Key.NamespacedName
	}
	return c.Claims.PushedVersion != ""
}

// incompatible returns why this version of a candidate can't be adopted or filled, or "". What failed while another
// source wanted the place may succeed without one.
func (m *maker) incompatible(c *informers.Candidate, contested bool) string {
	if u := m.w.Incompatible[c.NamespacedName]; c.Version == u.Version && (contested || !u.Contested) {
		return u.Reason
	}
	return ""
}

// taken returns why a place where nothing stands is not free for this source, or "".
func (m *maker) taken(t *informers.Target) string {
	//mutant:name-of-a-source
	if t.Reserved {
		return "the name is that of a source, which may be created again"
	}
	//mutant:place-of-the-recreated
	if t.Owner != (types.NamespacedName{}) && t.Owner != m.w.Key.NamespacedName {
		return "the existing object is a replica of " + t.Owner.String()
	}
	senior := m.senior(t)
	switch {
	case senior == nil:
		return ""
	case senior.Departed:
		return "the source " + senior.String() + " is older and selects the same target; it may be created again"
	}
	return "the source " + senior.String() + " is older and selects the same target"
}

// senior returns the source that wants a free place and became a source before this one, or nil. The place's present
// owner keeps it, so seniority matters only where nothing stands; what is equally old is told apart by name, so that a
// restart gives the same answer. One that has left keeps its place in line, whatever becomes of it.
func (m *maker) senior(t *informers.Target) *informers.Competitor {
	for i := range t.Competitors {
		c := &t.Competitors[i]
		//mutant:barred-rivals
		if !accepts(t.Namespace, c) || !m.may(c.Namespace, rules.Push, t.Namespace) {
			continue
		}
		//mutant:seniority
		if order := c.Since.Compare(m.w.Since); order < 0 ||
			order == 0 && c.String() < m.w.Key.NamespacedName.String() {
			return c
		}
	}
	return nil
}

// isContested reports whether any other source wants the place.
func (m *maker) isContested(t *informers.Target) bool {
	return slices.ContainsFunc(t.Competitors, func(c informers.Competitor) bool { return accepts(t.Namespace, &c) })
}

func accepts(ns *informers.Namespace, c *informers.Competitor) bool {
	return ns.Accept == nil || ns.Accept.Match(c.Namespace)
}

// orphans removes the replicas that stand where none is wanted.
func (m *maker) orphans(reason string) {
	var orphans []Action
	for _, r := range m.w.Replicas {
		if r.Mode != annotations.ReplicaPush || m.isAmong(m.wanted, r.NamespacedName) ||
			r.NamespacedName == m.w.Key.NamespacedName || r.Deleting || m.isHeld(r.In) {
			continue
		}
		if m.w.KeepsMarked && r.Keep {
			continue
		}
		if r.In == nil {
			m.plan.Undecided = append(m.plan.Undecided, r.NamespacedName)
			continue
		}
		m.judge(r.NamespacedName, Orphaned, reason)
		a := Action{
			Verb: Delete, Target: r.NamespacedName, Occupant: informers.Occupant{Replica: r.Replica}, NamespaceUID: r.In.UID,
		}
		m.justify(&a, r.In)
		orphans = append(orphans, a)
	}
	m.remove(orphans)
}
