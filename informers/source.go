package informers

import (
	"slices"
	"time"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// SourceView is what the watches show of one source: the object itself and what refers to it.
type SourceView struct {
	Occupant
	// Record is what is remembered of the source, or nil.
	Record *Record
	// Departed is the source as it last was, where it has left and is not given up; or nil.
	Departed *Candidate
	// HasReplicas, HasPullers and IsAttached say whether any object names the source: one that carries the replica label
	// or did, one that asks to be filled, and a ServiceAccount that names one of its replicas on Mirrorball's account.
	HasReplicas, HasPullers, IsAttached bool
}

// Referenced reports whether there is anything that may have to be removed or freed when the source is gone.
func (v *SourceView) Referenced() bool {
	return v.HasReplicas || v.IsAttached || v.Record != nil || v.Departed != nil
}

// Source returns what the watches show of a source.
func (c *Cluster) Source(k Key) SourceView {
	v := SourceView{Occupant: c.Get(k), Record: c.record(k)}
	if o := c.kinds[k.Kind]; o != nil {
		v.Departed = c.departedOf(o, k.NamespacedName)
		v.HasReplicas, v.HasPullers = o.hasReplicas(k.NamespacedName), o.hasPullers(k.NamespacedName)
	}
	if k.Kind == annotations.Secret {
		v.IsAttached = c.accounts.has(bySource, keyOf(k.NamespacedName))
	}
	return v
}

// HasReplicaOlderThan reports whether a replica that names the source was created before t.
func (c *Cluster) HasReplicaOlderThan(source Key, t time.Time) bool {
	o := c.kinds[source.Kind]
	if o == nil {
		return false
	}
	key := keyOf(source.NamespacedName)
	return slices.ContainsFunc(o.replicas.find(bySource, key), func(r *Replica) bool { return r.Created.Before(t) }) ||
		slices.ContainsFunc(o.candidates.find(bySource, key), func(c *Candidate) bool { return c.Created.Before(t) })
}

// SetIneligible says whether a source does not compete for targets although its annotations ask for them: it is
// refused, or frozen by what only its content shows. It reports whether that is a change.
func (c *Cluster) SetIneligible(source Key, ineligible bool) (changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, was := c.ineligible[source]
	if ineligible {
		c.ineligible[source] = struct{}{}
	} else {
		delete(c.ineligible, source)
	}
	return was != ineligible
}

// Competitors returns the other sources that push replicas of the given name, in no order.
func (c *Cluster) Competitors(source Key, target string) []Key {
	o := c.kinds[source.Kind]
	if o == nil {
		return nil
	}
	var out []Key
	for _, x := range o.candidates.find(byTarget, target) {
		if x.NamespacedName != source.NamespacedName {
			out = append(out, Key{source.Kind, x.NamespacedName})
		}
	}
	return out
}

// CountReplicas counts the replicas that name a source and that a function returns true for.
func (c *Cluster) CountReplicas(source Key, include func(*Replica) bool) (n int) {
	o := c.kinds[source.Kind]
	if o == nil {
		return 0
	}
	for _, r := range o.replicas.find(bySource, keyOf(source.NamespacedName)) {
		if include(r) {
			n++
		}
	}
	return n
}
