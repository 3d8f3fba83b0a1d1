package informers

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

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
	// departed are the sources that are gone or have lost their policy, as they last were, until they are given up;
	// wanting are those of them that pushed, by the name of their replicas.
	departed map[types.NamespacedName]*Candidate
	wanting  index[string]
	// returned are those that have come back, as they last were, until the others have been told.
	returned map[types.NamespacedName]*Candidate
}

func newTenures() tenures {
	return tenures{
		began: map[types.NamespacedName]time.Time{}, departed: map[types.NamespacedName]*Candidate{},
		wanting: index[string]{}, returned: map[types.NamespacedName]*Candidate{},
	}
}

// changed takes in a change of one candidate. Either may have no policy, or be nil.
func (x *tenures) changed(old, new *Candidate) {
	was, is := policyOf(old), policyOf(new)
	switch {
	case is != nil:
		n, before := new.NamespacedName, old
		if last := x.departed[n]; was == nil && last != nil {
			before, x.returned[n] = last, last
		}
		x.drop(n)
		if policyOf(before) != nil {
			x.begin(new, before.Created)
		}
	case was != nil:
		n := old.NamespacedName
		x.departed[n] = old
		if was.Push != nil {
			x.wanting.add(was.ReplicaName(n.Name), n)
		}
	}
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

// drop takes a source out of those that have left.
func (x *tenures) drop(n types.NamespacedName) {
	c := x.departed[n]
	if c == nil {
		return
	}
	delete(x.departed, n)
	x.wanting.remove(policyOf(c).ReplicaName(n.Name), n)
}

// takeReturned returns what a source was when it left, once after it has come back; else nil.
func (c *Cluster) takeReturned(o *objects, n types.NamespacedName) *Candidate {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := o.tenures.returned[n]
	delete(o.tenures.returned, n)
	return last
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
func (c *Cluster) sinceOf(o *objects, last *Candidate) time.Time {
	began := last.Created
	//mutant:seniority-through-rotation
	if s, ok := o.tenures.began[last.NamespacedName]; ok && s.Before(began) {
		began = s
	}
	if r := c.remembered[Key{o.kind, last.NamespacedName}]; r != nil && !r.Since.IsZero() && r.Since.Before(began) {
		began = r.Since
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
	if present := o.candidates.items[n]; policyOf(present) != nil {
		return c.sinceOf(o, present)
	}
	return time.Time{}
}

// isVacated reports whether the place of a source that has left is kept for it: it left while this process watched, or,
// while this process can't know better, a record or a replica names it.
func (c *Cluster) isVacated(o *objects, n types.NamespacedName) bool {
	return o.tenures.departed[n] != nil ||
		!c.settled && (c.remembered[Key{o.kind, n}] != nil || len(o.replicasOf[n]) > 0)
}

// GiveUp frees the places of a source that has left for good; last is the source as it was when that was decided.
func (c *Cluster) GiveUp(source Key, last *Candidate) {
	o := c.kinds[source.Kind]
	if o == nil {
		return
	}
	c.mu.Lock()
	if last == nil || o.tenures.departed[source.NamespacedName] != last {
		c.mu.Unlock()
		return
	}
	o.tenures.drop(source.NamespacedName)
	delete(o.tenures.began, source.NamespacedName)
	c.mu.Unlock()
	c.share(o, source.NamespacedName)
	all := changes{}
	c.competitorChanged(o, source.NamespacedName, all, policyOf(last))
	c.placeChanged(o, source.NamespacedName, all)
	c.send(o.kind, all)
}

// placeChanged adds the sources whose replicas have the name of n, where the place of n is kept or is not any more.
func (c *Cluster) placeChanged(o *objects, n types.NamespacedName, all changes) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for other := range o.wanted[n.Name] {
		if other != n {
			all.add(other, Change{Scope: ObjectScope(n)})
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
			c.placeChanged(o, n, all)
		}
		c.send(o.kind, all)
	}
}

// namingChanged adds those for whom a replica that begins or ceases to name a source matters; see isVacated.
func (c *Cluster) namingChanged(o *objects, source types.NamespacedName, all changes) {
	c.mu.RLock()
	matters := !c.settled && c.get(Key{o.kind, source}).Identity() == nil
	c.mu.RUnlock()
	if matters {
		c.placeChanged(o, source, all)
	}
}

func (c *Cluster) missingSources(o *objects) []types.NamespacedName {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var missing []types.NamespacedName
	for n := range o.replicasOf {
		if c.get(Key{o.kind, n}).Identity() == nil {
			missing = append(missing, n)
		}
	}
	for key := range c.remembered {
		if key.Kind == o.kind && c.get(key).Identity() == nil {
			missing = append(missing, key.NamespacedName)
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
	c.mu.RLock()
	at, settled := c.get(r.Source), c.settled
	c.mu.RUnlock()
	if p := policyOf(at.Candidate); p != nil && !r.Since.IsZero() && r.Since.Before(at.Candidate.Created) {
		c.competitorChanged(o, n, all, p)
		all.add(n, Change{Scope: FullScope()})
	}
	if at.Identity() == nil && !settled {
		c.placeChanged(o, n, all)
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
	for n := range o.wanted[g.name] {
		if _, ineligible := c.ineligible[Key{g.Key.Kind, n}]; !ineligible {
			add(o.candidates.items[n], false)
		}
	}
	for n := range o.tenures.wanting[g.name] {
		add(o.tenures.departed[n], true)
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
