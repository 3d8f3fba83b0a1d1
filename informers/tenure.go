package informers

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// tenures are the places in line of the sources of one kind. A source is its namespace and name: a rotation by deletion
// and creation is the same source, as old as its first object, and while it is gone its places are not free.
//
// All of it is lost with the process, but for what records hold. Then the age of the present object decides, and for
// one grace whatever is named by a replica counts as a source that has left.
type tenures struct {
	// began is when a source began, where that was before its present object.
	began map[types.NamespacedName]time.Time
	// last are the sources as they last were, until they are given up. One that the store does not have as a source any
	// more has left, from that moment on: its change may be delivered later.
	last map[types.NamespacedName]*Candidate
	// wanting are those that push or did, by the name of their replicas.
	wanting map[string]sets.Set[types.NamespacedName]
}

func newTenures() tenures {
	return tenures{
		began: map[types.NamespacedName]time.Time{}, last: map[types.NamespacedName]*Candidate{},
		wanting: map[string]sets.Set[types.NamespacedName]{},
	}
}

// updateTenure takes in a change of one candidate; either may have no policy, or be nil. It returns what a source was
// when it left, if it has come back; else nil.
func (c *Cluster) updateTenure(o *objects, n types.NamespacedName, old, new *Candidate) (returned *Candidate) {
	if policyOf(new) == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	x := &o.tenures
	if last := x.last[n]; last != nil {
		x.drop(n)
		x.begin(new, last.Created)
		if policyOf(old) == nil {
			returned = last
		}
	}
	x.keep(new)
	return returned
}

// begin notes that a source began with an object that was created at a time.
func (x *tenures) begin(c *Candidate, created time.Time) {
	began, ok := x.began[c.NamespacedName]
	if !ok || created.Before(began) {
		began = created
	}
	if began.Before(c.Created) {
		x.began[c.NamespacedName] = began
	} else {
		delete(x.began, c.NamespacedName)
	}
}

// keep notes what a source is.
func (x *tenures) keep(c *Candidate) {
	x.last[c.NamespacedName] = c
	if p := policyOf(c); p.Push != nil {
		name := p.ReplicaName(c.Name)
		if x.wanting[name] == nil {
			x.wanting[name] = sets.New[types.NamespacedName]()
		}
		x.wanting[name].Insert(c.NamespacedName)
	}
}

// drop takes a source out, present or not.
func (x *tenures) drop(n types.NamespacedName) {
	name := policyOf(x.last[n]).ReplicaName(n.Name)
	delete(x.last, n)
	delete(x.wanting[name], n)
	if len(x.wanting[name]) == 0 {
		delete(x.wanting, name)
	}
}

// departed returns a source as it last was, where it has left and is not given up; else nil.
func (o *objects) departed(n types.NamespacedName) *Candidate {
	if policyOf(o.candidates.get(n)) != nil {
		return nil
	}
	return o.tenures.last[n]
}

func (c *Cluster) departedOf(o *objects, n types.NamespacedName) *Candidate {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return o.departed(n)
}

// Competitor is another source that wants a target.
type Competitor struct {
	types.NamespacedName
	// Since is when it first became a source.
	Since time.Time
	// Departed says that it is gone or has lost its policy, and may come back.
	Departed bool
}

// sinceOf returns when a source began, given its present object or the last one.
func (c *Cluster) sinceOf(o *objects, x *Candidate) time.Time {
	began := x.Created
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(began) {
			began = t
		}
	}
	//mutant:seniority-through-rotation
	if first, rotated := o.tenures.began[x.NamespacedName]; rotated {
		earlier(first)
	}
	if last := o.tenures.last[x.NamespacedName]; last != nil {
		earlier(last.Created)
	}
	if r := c.record(Key{o.kind, x.NamespacedName}); r != nil {
		earlier(r.Since)
	}
	return began
}

// Since returns when a source began, to the second; zero where no object with its policy is known.
func (c *Cluster) Since(source Key) time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	o := c.kinds[source.Kind]
	if o == nil {
		return time.Time{}
	}
	return c.began(o, source.NamespacedName)
}

func (c *Cluster) began(o *objects, n types.NamespacedName) time.Time {
	if present := o.candidates.get(n); policyOf(present) != nil {
		return c.sinceOf(o, present)
	}
	return time.Time{}
}

// isReserved reports whether the place of a source that has left is kept for it: it left while this process watched,
// or, while this process can't know better, a record or a replica names it.
func (c *Cluster) isReserved(o *objects, n types.NamespacedName) bool {
	return o.departed(n) != nil || !c.settled && (c.record(Key{o.kind, n}) != nil || o.replicas.has(bySource, keyOf(n)))
}

// GiveUp frees the places of a source that has left for good; last is the source as it was when that was decided.
func (c *Cluster) GiveUp(source Key, last *Candidate) {
	o := c.kinds[source.Kind]
	if o == nil {
		return
	}
	c.mu.Lock()
	if last == nil || o.departed(source.NamespacedName) != last {
		c.mu.Unlock()
		return
	}
	o.tenures.drop(source.NamespacedName)
	delete(o.tenures.began, source.NamespacedName)
	c.mu.Unlock()
	c.updateShare(o, source.NamespacedName)
	all := changes{}
	o.competitorChanged(source.NamespacedName, all, policyOf(last))
	o.placeChanged(source.NamespacedName, all)
	c.send(o.kind, all)
}

// placeChanged adds the sources whose replicas have the name of n, where the place of n is kept or is not any more.
func (o *objects) placeChanged(n types.NamespacedName, all changes) {
	for _, other := range o.candidates.find(byTarget, n.Name) {
		if other.NamespacedName != n {
			all.add(other.NamespacedName, Change{Scope: ObjectScope(n)})
		}
	}
}

// Settle ends the time in which a record or a replica that names a source is enough to keep that source's place. It is
// called once a grace after the caches have synced: what leaves later is known to have been a source.
func (c *Cluster) Settle() {
	c.mu.Lock()
	c.settled = true
	c.mu.Unlock()
	for _, o := range c.kinds {
		all := changes{}
		for _, n := range c.missingSources(o) {
			o.placeChanged(n, all)
		}
		c.send(o.kind, all)
	}
}

func (c *Cluster) hasSettled() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.settled
}

// namingChanged adds those for whom a replica that begins or ceases to name a source matters; see isReserved.
func (c *Cluster) namingChanged(o *objects, source types.NamespacedName, all changes) {
	if !c.hasSettled() && c.Get(Key{o.kind, source}).Identity() == nil {
		o.placeChanged(source, all)
	}
}

func (c *Cluster) missingSources(o *objects) []types.NamespacedName {
	named := sets.New[types.NamespacedName]()
	for _, r := range o.replicas.all() {
		named.Insert(r.Source)
	}
	for _, r := range c.records.all() {
		if r.Problem == "" && r.Source.Kind == o.kind {
			named.Insert(r.Source.NamespacedName)
		}
	}
	var missing []types.NamespacedName
	for n := range named {
		if c.Get(Key{o.kind, n}).Identity() == nil {
			missing = append(missing, n)
		}
	}
	return missing
}

// tenureChanged tells those for whom a record makes its source older than its object is, or keeps the source's place.
func (c *Cluster) tenureChanged(r *Record) {
	o := c.kinds[r.Source.Kind]
	if o == nil {
		return
	}
	all, n := changes{}, r.Source.NamespacedName
	at := c.Get(r.Source)
	if p := policyOf(at.Candidate); p != nil && !r.Since.IsZero() && r.Since.Before(at.Candidate.Created) {
		o.competitorChanged(n, all, p)
		all.add(n, Change{Scope: FullScope()})
	}
	if at.Identity() == nil && !c.hasSettled() {
		o.placeChanged(n, all)
	}
	c.send(o.kind, all)
}

// readCompetitors reads the other sources that push replicas of the same name, and those that did until they left.
func (g *gathering) readCompetitors(c *Cluster, o *objects) {
	add := func(r *Candidate, departed bool) {
		if r.NamespacedName != g.Key.NamespacedName && len(r.Claims.Problems) == 0 && g.SourceNamespaces.Match(r.Namespace) {
			g.competitors = append(g.competitors, competitorPolicy{
				Competitor{NamespacedName: r.NamespacedName, Since: c.sinceOf(o, r), Departed: departed}, r.Claims.Policy,
			})
		}
	}
	present := func(r *Candidate) {
		if _, ineligible := c.ineligible[Key{g.Key.Kind, r.NamespacedName}]; !ineligible {
			add(r, false)
		}
	}
	known := o.tenures.wanting[g.name]
	for n := range known {
		switch r := o.candidates.get(n); {
		case policyOf(r) == nil:
			add(o.tenures.last[n], true)
		case policyOf(r).Push != nil && policyOf(r).ReplicaName(n.Name) == g.name:
			present(r)
		}
	}
	for _, r := range o.candidates.find(byTarget, g.name) {
		if !known.Has(r.NamespacedName) { // its change is still to be delivered
			present(r)
		}
	}
	slices.SortFunc(g.competitors, func(a, b competitorPolicy) int {
		return compareNames(a.NamespacedName, b.NamespacedName)
	})
}

// competitorPolicy is a competitor with its policy.
type competitorPolicy struct {
	Competitor
	policy *annotations.Policy
}
