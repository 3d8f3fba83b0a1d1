package informers

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// Query says of what a Snapshot is taken.
type Query struct {
	Key Key
	// Policy is the source's. Without one, nothing is a target.
	Policy *annotations.Policy
	Scope  Scope
	// SourceNamespaces are where sources may be: objects elsewhere do not compete.
	SourceNamespaces annotations.Patterns
}

// Snapshot is the part of the cluster that concerns one source in a scope, as values: what it refers to is shared and
// must not be changed. Everything is sorted by namespace and name.
type Snapshot struct {
	// Targets are the namespaces that the policy selects, and what stands there under the replicas' name.
	Targets []Target
	// Replicas are the objects that name the source as theirs and may be removed on its account.
	Replicas []PlacedReplica
	// Pullers are the objects that ask to be filled from the source.
	Pullers []Puller
	// Attached are the ServiceAccounts to which Mirrorball added replicas of the source.
	Attached []PlacedAccount
	// Since is when the source first became one; zero where the watch does not show it.
	Since time.Time
	// Homes are the namespaces in which the source and its competitors are, by name; nil for one that the watch does not
	// show (yet).
	Homes map[string]*Namespace
	// Err says that the policy could not be matched in time. The rest is empty then.
	Err error
	// Unfinished says that matching the policy has taken long enough for one pass. The rest is empty then. What was
	// matched is remembered, so that the next pass gets further.
	Unfinished bool
}

// Target is a namespace that the policy selects.
type Target struct {
	Namespace *Namespace
	Occupant  Occupant
	// Reserved says that nothing stands in the place, and that it is kept for a source that has left.
	Reserved bool
	// Owner is the source whose replica is being made again there, where nothing stands meanwhile; zero for none.
	Owner types.NamespacedName
	// Competitors are the other sources whose policies select the namespace for the same name, the ones that have left
	// included. They are looked for only where nothing stands, or a copy that could be anybody's.
	Competitors []Competitor
	// Accounts are the ServiceAccounts that are to name the replica.
	Accounts []*ServiceAccount
}

// PlacedReplica is a replica with its namespace, which is nil where the watch of namespaces does not show it (yet).
type PlacedReplica struct {
	*Replica
	In *Namespace
}

// Puller is an object that asks to be filled, with its namespace, which is nil where it is not known.
type Puller struct {
	Occupant
	In *Namespace
	// Permitted says that the policy permits pulling by the namespace.
	Permitted bool
}

// PlacedAccount is a ServiceAccount with its namespace, which is nil where it is not known.
type PlacedAccount struct {
	*ServiceAccount
	In *Namespace
}

// Snapshot gathers what concerns a source. A store that changes meanwhile may be seen before and after the change; the
// change is notified of then. Policies, which may take long to match, are matched without a lock.
func (c *Cluster) Snapshot(q Query) Snapshot {
	g := gathering{Query: q, name: q.Policy.ReplicaName(q.Key.Name)}
	if q.Policy != nil {
		if finished, err := g.selectTargets(c.namespacesIn(q.Scope), maxMatching); err != nil || !finished {
			return unmatched(err)
		}
	}
	g.read(c)
	if err := g.permitPullers(); err != nil {
		return unmatched(err)
	}
	g.matchCompetitors()
	return g.out
}

// unmatched is the snapshot where a policy was not matched to the end.
func unmatched(err error) Snapshot {
	if err == nil || errors.Is(err, annotations.ErrTryAgain) {
		return Snapshot{Unfinished: true}
	}
	return Snapshot{Err: err}
}

// gathering is a Snapshot that is being made.
type gathering struct {
	Query
	// name is that of the replicas.
	name string
	out  Snapshot
	// free are the indexes of the targets where nothing stands or a copy that names no source, and competitors the sources
	// that may want them.
	free        []int
	competitors []competitorPolicy
}

// namespacesIn returns the namespaces of a scope, sorted by name.
func (c *Cluster) namespacesIn(s Scope) []*Namespace {
	if s.Full {
		return c.Namespaces()
	}
	var out []*Namespace
	for name := range s.AllNamespaces() {
		if n := c.namespace(name); n != nil {
			out = append(out, n)
		}
	}
	sortNamespaces(out)
	return out
}

func sortNamespaces(list []*Namespace) {
	slices.SortFunc(list, func(a, b *Namespace) int { return cmp.Compare(a.Name, b.Name) })
}

// Namespaces returns all namespaces, sorted by name.
func (c *Cluster) Namespaces() []*Namespace {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sorted == nil {
		c.sorted = c.namespaces.all()
		sortNamespaces(c.sorted)
	}
	return c.sorted
}

func (c *Cluster) namespace(name string) *Namespace {
	return c.namespaces.get(types.NamespacedName{Name: name})
}

// maxMatching is how long a pass matches a policy. However slow it is, other sources get their turn.
const maxMatching = 50 * time.Millisecond

// selectTargets matches the policy against names and labels, and reports whether it got to the end. A source is never
// pushed to its own namespace.
func (g *gathering) selectTargets(namespaces []*Namespace, limit time.Duration) (finished bool, err error) {
	begin := time.Now()
	for _, ns := range namespaces {
		if ns.Name == g.Key.Namespace {
			continue
		}
		selected, err := g.Policy.TryPushesTo(ns.Name, ns.Labels)
		if err != nil {
			return false, err
		}
		if selected {
			g.out.Targets = append(g.out.Targets, Target{Namespace: ns})
		}
		//mutant:matching-in-parts
		if g.Policy.Remembers() && time.Since(begin) > limit {
			return false, nil
		}
	}
	return true, nil
}

// read reads the stores.
func (g *gathering) read(c *Cluster) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	o := c.kinds[g.Key.Kind]
	if o == nil {
		g.out.Targets = nil
		return
	}
	g.readTargets(c)
	g.out.Since = c.began(o, g.Key.NamespacedName)
	g.readReplicas(c, o)
	g.readPullers(c, o)
	if g.Key.Kind == annotations.Secret {
		g.readAttached(c)
	}
	if len(g.free) > 0 {
		g.readCompetitors(c, o)
	}
	g.out.Homes = g.homes(c)
}

func (g *gathering) readTargets(c *Cluster) {
	attaches := g.Policy != nil && !g.Policy.AttachTo.Empty() && g.Key.Kind == annotations.Secret
	for i := range g.out.Targets {
		t := &g.out.Targets[i]
		at := types.NamespacedName{Namespace: t.Namespace.Name, Name: g.name}
		t.Occupant = c.Get(Key{g.Key.Kind, at})
		if t.Occupant.Identity() == nil {
			t.Reserved = c.isReserved(c.kinds[g.Key.Kind], at)
			t.Owner = c.held[Key{g.Key.Kind, at}]
			g.free = append(g.free, i)
		} else if t.Occupant.isUnnamedCopy() {
			g.free = append(g.free, i)
		}
		if !attaches {
			continue
		}
		for _, sa := range c.accounts.find(byNamespace, t.Namespace.Name) {
			if g.Policy.AttachTo.Match(sa.Name) {
				t.Accounts = append(t.Accounts, sa)
			}
		}
		slices.SortFunc(t.Accounts, func(a, b *ServiceAccount) int { return cmp.Compare(a.Name, b.Name) })
	}
}

// readReplicas reads the objects that name the source. One that has a policy of its own, and replicas, is a source that
// somebody has labelled: were it removed, they would be, too.
func (g *gathering) readReplicas(c *Cluster, o *objects) {
	replicas, candidates := g.named(o)
	for _, r := range replicas {
		posesAsSource := r.Claims != nil && r.Claims.Policy != nil && o.replicas.has(bySource, keyOf(r.NamespacedName))
		if !posesAsSource {
			g.out.Replicas = append(g.out.Replicas, PlacedReplica{r, c.namespace(r.Namespace)})
		}
	}
	labelled := sets.New[types.NamespacedName]()
	if len(candidates) > 0 {
		for _, r := range replicas {
			labelled.Insert(r.NamespacedName)
		}
	}
	for _, x := range candidates {
		// Otherwise one of the watches is behind.
		if !labelled.Has(x.NamespacedName) && o.replicas.get(x.NamespacedName) == nil {
			g.out.Replicas = append(g.out.Replicas, PlacedReplica{x.Stripped, c.namespace(x.Namespace)})
		}
	}
	slices.SortFunc(g.out.Replicas, func(a, b PlacedReplica) int {
		return compareNames(a.NamespacedName, b.NamespacedName)
	})
}

// named returns the objects in the scope that name the source: replicas, and candidates that were.
func (g *gathering) named(o *objects) (replicas []*Replica, candidates []*Candidate) {
	source := g.Key.NamespacedName
	if g.Scope.Full {
		return o.replicas.find(bySource, keyOf(source)), o.candidates.find(bySource, keyOf(source))
	}
	for n := range g.objects() {
		if r := o.replicas.get(n); r != nil && r.Source == source {
			replicas = append(replicas, r)
		}
		if x := o.candidates.get(n); x != nil && x.Stripped != nil && x.Stripped.Source == source {
			candidates = append(candidates, x)
		}
	}
	return replicas, candidates
}

// objects returns the names of the objects that a scope which is not full has to look at: those that it names, and the
// replicas' name in each of its namespaces.
func (g *gathering) objects() sets.Set[types.NamespacedName] {
	all := sets.New[types.NamespacedName]()
	maps.Copy(all, g.Scope.Objects)
	for namespace := range g.Scope.AllNamespaces() {
		all.Insert(types.NamespacedName{Namespace: namespace, Name: g.name})
	}
	return all
}

func (g *gathering) readPullers(c *Cluster, o *objects) {
	source := g.Key.NamespacedName
	all := sets.New[types.NamespacedName]()
	add := func(value string) {
		for _, x := range o.candidates.find(byPull, value) {
			all.Insert(x.NamespacedName)
		}
		for _, r := range o.replicas.find(byPull, value) {
			all.Insert(r.NamespacedName)
		}
	}
	if g.Scope.Full {
		add(keyOf(source))
	} else {
		for namespace := range g.Scope.AllNamespaces() {
			add(pullValue(source, namespace))
		}
	}
	for n := range all {
		// While an object passes from one watch to the other, what is indexed of the one may be outdated by the other.
		at := c.Get(Key{g.Key.Kind, n})
		if pull := at.Pull(); pull != nil && pull.From == source {
			g.out.Pullers = append(g.out.Pullers, Puller{Occupant: at, In: c.namespace(n.Namespace)})
		}
	}
	slices.SortFunc(g.out.Pullers, func(a, b Puller) int {
		return compareNames(a.Identity().NamespacedName, b.Identity().NamespacedName)
	})
}

func (g *gathering) readAttached(c *Cluster) {
	add := func(accounts []*ServiceAccount) {
		for _, sa := range accounts {
			g.out.Attached = append(g.out.Attached, PlacedAccount{sa, c.namespace(sa.Namespace)})
		}
	}
	source := g.Key.NamespacedName
	if g.Scope.Full {
		add(c.accounts.find(bySource, keyOf(source)))
	} else {
		for namespace := range g.Scope.AllNamespaces() {
			add(slices.DeleteFunc(c.accounts.find(byNamespace, namespace), func(sa *ServiceAccount) bool {
				return !sa.isAttachedFor(source)
			}))
		}
	}
	slices.SortFunc(
		g.out.Attached,
		func(a, b PlacedAccount) int { return compareNames(a.NamespacedName, b.NamespacedName) },
	)
}

func (g *gathering) permitPullers() error {
	for i := range g.out.Pullers {
		p := &g.out.Pullers[i]
		if p.In == nil {
			continue
		}
		var err error
		if p.Permitted, err = g.Policy.TryPullableBy(p.In.Name, p.In.Labels); err != nil {
			return err
		}
	}
	return nil
}

// matchCompetitors finds out which of the other sources want the targets where nothing stands.
func (g *gathering) matchCompetitors() {
	for _, i := range g.free {
		t := &g.out.Targets[i]
		for _, r := range g.competitors {
			if r.Namespace == t.Namespace.Name {
				continue
			}
			if r.policy.Competes(t.Namespace.Name, t.Namespace.Labels) {
				t.Competitors = append(t.Competitors, r.Competitor)
			}
		}
	}
}

func compareNames(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
