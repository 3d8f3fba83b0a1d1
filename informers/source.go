package informers

import (
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
	// Replicas, Pullers and Attached count the objects that name the source: those that carry the replica label or did,
	// those that ask to be filled, and the ServiceAccounts that name one of its replicas on Mirrorball's account.
	Replicas, Pullers, Attached int
}

// Referenced reports whether there is anything that may have to be removed or freed when the source is gone.
func (v *SourceView) Referenced() bool {
	return v.Replicas > 0 || v.Attached > 0 || v.Record != nil || v.Departed != nil
}

// Source returns what the watches show of a source.
func (c *Cluster) Source(k Key) SourceView {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v := SourceView{Occupant: c.get(k), Record: c.remembered[k]}
	if o := c.kinds[k.Kind]; o != nil {
		v.Departed = o.tenures.departed[k.NamespacedName]
		v.Replicas = len(o.replicasOf[k.NamespacedName]) + len(o.stripped[k.NamespacedName])
		v.Pullers = o.pullers.count(k.NamespacedName) + o.pulled.count(k.NamespacedName)
	}
	if k.Kind == annotations.Secret {
		v.Attached = len(c.attached[k.NamespacedName])
	}
	return v
}

// HasReplicaOlderThan reports whether a replica that names the source was created before t.
func (c *Cluster) HasReplicaOlderThan(source Key, t time.Time) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	o := c.kinds[source.Kind]
	if o == nil {
		return false
	}
	for n := range o.replicasOf[source.NamespacedName] {
		if o.replicas.items[n].Created.Before(t) {
			return true
		}
	}
	for n := range o.stripped[source.NamespacedName] {
		if o.candidates.items[n].Created.Before(t) {
			return true
		}
	}
	return false
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
	c.mu.RLock()
	defer c.mu.RUnlock()
	o := c.kinds[source.Kind]
	if o == nil {
		return nil
	}
	var out []Key
	for n := range o.wanted[target] {
		if n != source.NamespacedName {
			out = append(out, Key{source.Kind, n})
		}
	}
	return out
}

// CountReplicas counts the replicas that name a source and that a function returns true for.
func (c *Cluster) CountReplicas(source Key, include func(*Replica) bool) (n int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	o := c.kinds[source.Kind]
	if o == nil {
		return 0
	}
	for name := range o.replicasOf[source.NamespacedName] {
		if include(o.replicas.items[name]) {
			n++
		}
	}
	return n
}
