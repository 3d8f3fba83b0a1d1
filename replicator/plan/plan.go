// Package plan decides, and does nothing else: it takes the world as values and returns actions as values. It has no
// context, logger or clock, and the same world always gives the same plan.
//
//	the source is                   pushed replicas             objects that pull
//	active                          as its policy says          filled, where the policy permits
//	frozen, refused, held (grace)   as they are                 as they are
//	without a policy, or gone       removed                     as they are
//	kept (gone, on-delete: keep)    as they are                 as they are
//
//	at a target of an active source stands       and so
//	nothing                                      create, unless another source has the better right
//	our replica                                  nothing; or update; or, where it can't change, recreate
//	a replica that a peer made of this source    adopt, unless it was found to be unfit
//	an object that pulls from this source        nothing: it is served by pull
//	a replica of another source                  conflict
//	anything else                                occupied
package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"k8s.io/apimachinery/pkg/types"
)

// Life is what a source is at the moment.
type Life uint8

// The lives of a source.
const (
	// Active: it is there and its policy is readable.
	Active Life = iota
	// Held: nothing may be created, changed or removed on its account: it is frozen, refused, or away for less than the
	// grace.
	Held
	// Ended: it has no policy any more, or is gone for longer than the grace.
	Ended
)

// World is all that a decision depends on.
type World struct {
	Key  informers.Key
	Life Life
	// Source is what an active source is; otherwise only what is known of it.
	Source Source
	// Namespaces and Places are all namespaces and what stands in each under the replicas' name.
	Namespaces []*informers.Namespace
	Places     []informers.Standing
	// Replicas are the objects that name the source as theirs, Pullers those that ask to be filled from it.
	Replicas []*informers.Replica
	Pullers  []informers.Standing
	// Rivals are the other sources that push replicas of the same name.
	Rivals []Rival
	// Accounts are the ServiceAccounts of a namespace, Attached those that Mirrorball added the source's replica to.
	Accounts func(namespace string) []*informers.ServiceAccount
	Attached []*informers.ServiceAccount
	// Protected are the namespaces that are never written to.
	Protected func(namespace string) bool
	// Unfit are candidates of which it was found out, on trying, why they can't be adopted or filled: of a candidate's
	// type and content nothing is known before.
	Unfit map[types.NamespacedName]Unfit
}

// Unfit says why a version of an object can't be adopted or filled.
type Unfit struct {
	Version informers.Version
	// Reason is a clause about the object.
	Reason string
}

// Source is an active source.
type Source struct {
	informers.Identity
	Type   string
	Policy *annotations.Policy
	// Push, Pull and PullKeys are the digests that an in-sync replica has, by how it came to be.
	Push, Pull, PullKeys informers.Digest
}

// Rival is another source that wants the same targets.
type Rival struct {
	informers.Identity
	Policy *annotations.Policy
}

// State is how a target, replica or puller stands.
type State string

// The states.
const (
	InSync     State = "InSync"
	Missing    State = "Missing"
	Drifted    State = "Drifted"
	Occupied   State = "Occupied"
	Conflict   State = "Conflict"
	Barred     State = "Barred"
	Surplus    State = "Surplus"
	Unreadable State = "Unreadable"
	Mismatched State = "Mismatched"
	Forbidden  State = "Forbidden"
	Ending     State = "Terminating"
)

// Verdict is what was found at one place.
type Verdict struct {
	types.NamespacedName
	State State
	// Pull says that the place is an object that pulls.
	Pull bool
	// Reason is a clause for people, where the state does not say it all.
	Reason string
}

// Verb is what an action does.
type Verb string

// The verbs: removals come first, and with one namespace the others in this order.
const (
	Detach   Verb = "detach"
	Delete   Verb = "delete"
	Recreate Verb = "recreate"
	Update   Verb = "update"
	Adopt    Verb = "adopt"
	Fill     Verb = "fill"
	Create   Verb = "create"
	Attach   Verb = "attach"
)

var order = map[Verb]int{Detach: 0, Delete: 1, Recreate: 2, Update: 3, Adopt: 4, Fill: 5, Create: 6, Attach: 7}

// Action is one write.
type Action struct {
	Verb Verb
	// Target is the object, or, to attach and detach, the ServiceAccount.
	Target types.NamespacedName
	// At is what the decision was made on; its version is the write's precondition.
	At      informers.Standing
	Account *informers.ServiceAccount
	// Secret is the name to attach or detach.
	Secret string
	// Pull is set to fill.
	Pull *annotations.Pull
	// rank puts what is for new namespaces before what is for old ones; removals have none.
	rank int64
}

// compare puts actions in order: removals first, then the newest namespaces, so that they don't wait for the end of a
// rotation, then by verb and by name.
func compare(a, b Action) int {
	if a.Removes() != b.Removes() {
		return cmp.Compare(order[a.Verb], order[b.Verb])
	}
	return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(order[a.Verb], order[b.Verb]),
		strings.Compare(a.Target.Namespace, b.Target.Namespace), strings.Compare(a.Target.Name, b.Target.Name),
		strings.Compare(a.Secret, b.Secret))
}

// Removes says that the action takes something away.
func (a Action) Removes() bool { return a.Verb == Detach || a.Verb == Delete }

// Plan is a decision.
type Plan struct {
	Actions  []Action
	Verdicts []Verdict
	// Err says that the policy could not be matched, which freezes the source: there are no actions then.
	Err error
	// Behind says that something stands in a namespace that is not known yet, or no longer: the streams are not ordered.
	// It is not decided on, and has to be looked at again.
	Behind bool
}

// Make decides.
func Make(w *World) Plan {
	m := maker{
		w: w, index: make(map[string]int, len(w.Namespaces)),
		wanted: make([]bool, len(w.Namespaces)), served: make([]bool, len(w.Namespaces)),
	}
	m.plan.Verdicts = make([]Verdict, 0, len(w.Replicas)+len(w.Pullers))
	for i, ns := range w.Namespaces {
		m.index[ns.Name] = i
	}
	switch w.Life {
	case Held:
		return Plan{}
	case Ended:
		m.surplus("its source has no policy for it any more")
		m.detach()
	case Active:
		if err := m.targets(); err != nil {
			return Plan{Err: err}
		}
		m.surplus("its source's policy does not select its namespace any more")
		m.detach()
		if err := m.pullers(); err != nil {
			return Plan{Err: err}
		}
	}
	slices.SortFunc(m.plan.Actions, compare)
	return m.plan
}

type maker struct {
	w    *World
	plan Plan
	// index finds a namespace by its name; wanted says of each whether a replica may stand at its place, whoever stands
	// there now, and served whether one does or is on its way.
	index          map[string]int
	wanted, served []bool
}

// namespace is the one of this name, or nil.
func (m *maker) namespace(name string) *informers.Namespace {
	if i, ok := m.index[name]; ok {
		return m.w.Namespaces[i]
	}
	return nil
}

// isHeld says whether nothing is to be written in the namespace for now.
func (m *maker) isHeld(name string) bool {
	ns := m.namespace(name)
	return ns != nil && (ns.Deleting || ns.Problem != nil && m.w.Life == Active)
}

// isWanted says whether a replica may stand there.
func (m *maker) isWanted(n types.NamespacedName) bool { return m.isAmong(m.wanted, n) }

// isServed says whether a replica stands there or is on its way.
func (m *maker) isServed(n types.NamespacedName) bool { return m.isAmong(m.served, n) }

func (m *maker) isAmong(places []bool, n types.NamespacedName) bool {
	i, ok := m.index[n.Namespace]
	return ok && places[i] && n.Name == m.w.Source.Policy.ReplicaName(m.w.Key.Name)
}

func (m *maker) act(a Action) { m.plan.Actions = append(m.plan.Actions, a) }

func (m *maker) say(n types.NamespacedName, s State, reason string) {
	m.plan.Verdicts = append(m.plan.Verdicts, Verdict{NamespacedName: n, State: s, Reason: reason})
}

func (m *maker) targets() error {
	policy := m.w.Source.Policy
	name := policy.ReplicaName(m.w.Key.Name)
	for i, ns := range m.w.Namespaces {
		at := types.NamespacedName{Namespace: ns.Name, Name: name}
		if at.Namespace == m.w.Key.Namespace {
			continue
		}
		selected, err := policy.PushesTo(at.Namespace, ns.Labels)
		if err != nil {
			return err
		}
		switch {
		case ns.Deleting:
			if selected {
				m.say(at, Ending, "")
			}
		case ns.Problem != nil:
			if selected {
				m.say(at, Unreadable, ns.Problem.String())
			}
		case !selected:
		case m.w.Protected(at.Namespace):
			m.say(at, Barred, "the namespace is protected")
		case ns.Accept != nil && !ns.Accept.Match(m.w.Key.Namespace):
			m.say(at, Barred, "the namespace does not accept pushes from "+m.w.Key.Namespace)
		default:
			m.wanted[i] = true
			if m.served[i] = m.target(ns, at, m.w.Places[i]); m.served[i] {
				m.attach(ns)
			}
		}
	}
	return nil
}

// target decides on one place, and says whether a replica is there or on its way.
func (m *maker) target(ns *informers.Namespace, at types.NamespacedName, s informers.Standing) bool {
	src := &m.w.Source
	act := Action{Target: at, At: s, rank: ns.Created.Unix()}
	switch r := s.Replica; {
	case s.Identity() == nil:
		if rival := m.rival(ns); rival != "" {
			m.say(at, Conflict, "the older source "+rival+" wants the same name")
			return false
		}
		m.say(at, Missing, "")
		act.Verb = Create
	case s.Pull() != nil && s.Pull().From == m.w.Key.NamespacedName:
		return true // the object's owner asked for the same content
	case r != nil && r.Mode == annotations.ReplicaPush && m.names(r.Source):
		if r.Digest == src.Push && !r.Deleting {
			m.say(at, InSync, "")
			return true
		}
		m.say(at, Drifted, "")
		if r.Deleting {
			return true // held by a finalizer; made again once it is gone
		}
		act.Verb = Update
		if r.Type != src.Type || r.Immutable {
			act.Verb = Recreate
		}
	case r != nil && r.Mode == annotations.ReplicaPush && r.Source != (types.NamespacedName{}):
		m.say(at, Conflict, "it is a replica of "+r.Source.String())
		return false
	case s.Candidate != nil && m.madeByPeer(s.Candidate):
		if why := m.unfit(s.Candidate); why != "" {
			m.say(at, Occupied, why)
			return false
		}
		m.say(at, Drifted, "made by another controller from this source")
		act.Verb = Adopt
		m.act(act)
		return false // it may turn out to be another's
	default:
		m.say(at, Occupied, "an object that is no replica of this source stands there")
		return false
	}
	m.act(act)
	return true
}

// names says whether a replica names this source: whole, or, where it has lost the annotation that holds a long name
// whole, by the label that holds what fits into one.
func (m *maker) names(source types.NamespacedName) bool {
	key := m.w.Key.NamespacedName
	return source == key || source.Namespace == key.Namespace && source.Name == annotations.LabelValue(key.Name)
}

// madeByPeer recognises what Reflector and kubernetes-replicator may have made of this very source. Reflector's copies
// name it. kubernetes-replicator's do not: whether one is of this source is found out when it is to be adopted, by the
// version that it records, or by its content.
func (m *maker) madeByPeer(c *informers.Candidate) bool {
	if c.Claims == nil || c.Deleting || c.Claims.Policy != nil || c.Claims.PullFrom != nil {
		return false
	}
	if c.Claims.Mirror != nil {
		return *c.Claims.Mirror == m.w.Key.NamespacedName
	}
	return c.Claims.PushedVersion != ""
}

// unfit says why this version of a candidate can't be adopted or filled, or "".
func (m *maker) unfit(c *informers.Candidate) string {
	if u := m.w.Unfit[c.NamespacedName]; c.Version == u.Version {
		return u.Reason
	}
	return ""
}

// rival is the older source that wants a free place, or "". The place's present owner keeps it, so age matters only
// where nothing stands; equal ages are told apart by name, so that a restart gives the same answer.
func (m *maker) rival(ns *informers.Namespace) string {
	for _, r := range m.w.Rivals {
		if r.Namespace == ns.Name || ns.Accept != nil && !ns.Accept.Match(r.Namespace) {
			continue
		}
		if c := r.Created.Compare(m.w.Source.Created); c > 0 || c == 0 && r.String() > m.w.Key.NamespacedName.String() {
			continue
		}
		if ok, err := r.Policy.PushesTo(ns.Name, ns.Labels); ok && err == nil {
			return r.String()
		}
	}
	return ""
}

// surplus removes the replicas that stand where none is wanted.
func (m *maker) surplus(reason string) {
	for _, r := range m.w.Replicas {
		if r.Mode != annotations.ReplicaPush || m.isWanted(r.NamespacedName) || r.NamespacedName == m.w.Key.NamespacedName || r.Deleting ||
			m.isHeld(r.Namespace) {
			continue
		}
		if m.namespace(r.Namespace) == nil {
			m.plan.Behind = true
			continue
		}
		m.say(r.NamespacedName, Surplus, reason)
		m.act(Action{Verb: Delete, Target: r.NamespacedName, At: informers.Standing{Replica: r}})
	}
}

func (m *maker) pullers() error {
	src := &m.w.Source
	for _, p := range m.w.Pullers {
		id, ns := p.Identity(), (*informers.Namespace)(nil)
		if id != nil {
			ns = m.namespace(id.Namespace)
		}
		if id != nil && ns == nil {
			m.plan.Behind = true
		}
		if id == nil || ns == nil || ns.Deleting || id.Deleting || len(p.Problems()) > 0 {
			continue
		}
		permitted, err := src.Policy.PullableBy(id.Namespace, ns.Labels)
		if err != nil {
			return err
		}
		state, reason := m.puller(p, permitted)
		m.plan.Verdicts = append(m.plan.Verdicts, Verdict{NamespacedName: id.NamespacedName, State: state, Pull: true, Reason: reason})
		if state == Missing || state == Drifted {
			m.act(Action{Verb: Fill, Target: id.NamespacedName, At: p, Pull: p.Pull(), rank: ns.Created.Unix()})
		}
	}
	return nil
}

func (m *maker) puller(p informers.Standing, permitted bool) (State, string) {
	src, r := &m.w.Source, p.Replica
	want := src.Pull
	if p.Pull().Dialect == annotations.Replicator {
		want = src.PullKeys
	}
	switch {
	case !permitted:
		return Forbidden, "the source does not permit pulling by this namespace"
	case m.w.Protected(p.Identity().Namespace):
		return Barred, "the namespace is protected"
	case r == nil:
		if why := m.unfit(p.Candidate); why != "" {
			return Mismatched, why
		}
		return Missing, ""
	case r.Source == m.w.Key.NamespacedName && r.Digest == want:
		return InSync, ""
	case r.Type != src.Type:
		return Mismatched, "its type is " + r.Type + ", the source's is " + src.Type
	case r.Immutable:
		return Mismatched, "it is immutable and cannot follow"
	}
	return Drifted, ""
}
