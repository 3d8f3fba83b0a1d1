package informers

import (
	"github.com/mirrorball-dev/mirrorball/annotations"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
)

// names is a set of names.
type names = sets.Set[types.NamespacedName]

// index maps a key to the set of names that belong to it. It is no map of counts: adding twice is adding once.
type index[K comparable] map[K]names

func (x index[K]) add(k K, n types.NamespacedName) {
	if x[k] == nil {
		x[k] = names{}
	}
	x[k][n] = struct{}{}
}

func (x index[K]) remove(k K, n types.NamespacedName) {
	delete(x[k], n)
	if len(x[k]) == 0 {
		delete(x, k)
	}
}

// nested maps the source that objects name to the objects, by their namespaces.
type nested map[types.NamespacedName]index[string]

func (x nested) add(source, n types.NamespacedName) {
	if x[source] == nil {
		x[source] = index[string]{}
	}
	x[source].add(n.Namespace, n)
}

func (x nested) remove(source, n types.NamespacedName) {
	x[source].remove(n.Namespace, n)
	if len(x[source]) == 0 {
		delete(x, source)
	}
}

func (x nested) count(source types.NamespacedName) (n int) {
	for _, in := range x[source] {
		n += len(in)
	}
	return n
}

// objects is what is known of one kind: its two streams and the indexes over them.
type objects struct {
	kind       annotations.Kind
	candidates *stream[*Candidate]
	replicas   *stream[*Replica]

	// sources are the candidates with a policy; wanted are those that push, by the name of their replicas.
	sources names
	// tenures are the sources' places in line.
	tenures tenures
	wanted  index[string]
	// replicasOf are the replicas by the source that they name; pullers the candidates that ask to be filled and pulled
	// the replicas that do, by the same. Each stream has an index of its own: an object that passes from one to the
	// other may leave the one after it came to the other.
	replicasOf index[types.NamespacedName]
	pullers    nested
	pulled     nested
	// stripped are the candidates that were replicas, by the source that they name.
	stripped index[types.NamespacedName]
}

// indexCandidate also lets an unchanged policy stay: it remembers what it has matched, and what time that took.
func (o *objects) indexCandidate(old, new *Candidate) {
	if policy := policyOf(old); policy != nil && policy.Equal(policyOf(new)) {
		new.Claims.Policy = policy
	}
	o.tenures.changed(old, new)
	if old != nil && old.Claims != nil {
		o.unclaim(old.NamespacedName, old.Claims)
	}
	if old != nil && old.Stripped != nil {
		o.stripped.remove(old.Stripped.Source, old.NamespacedName)
	}
	if new != nil && new.Stripped != nil {
		o.stripped.add(new.Stripped.Source, new.NamespacedName)
	}
	if new != nil && new.Claims != nil {
		o.claim(new.NamespacedName, new.Claims)
	}
}

func (o *objects) claim(n types.NamespacedName, c *annotations.Claims) {
	if c.PullFrom != nil {
		o.pullers.add(c.PullFrom.From, n)
	}
	if c.Policy != nil {
		o.sources[n] = struct{}{}
		if c.Policy.Push != nil {
			o.wanted.add(c.Policy.ReplicaName(n.Name), n)
		}
	}
}

func (o *objects) unclaim(n types.NamespacedName, c *annotations.Claims) {
	if c.PullFrom != nil {
		o.pullers.remove(c.PullFrom.From, n)
	}
	if c.Policy != nil {
		delete(o.sources, n)
		o.wanted.remove(c.Policy.ReplicaName(n.Name), n)
	}
}

func (o *objects) indexReplica(old, new *Replica) {
	if old != nil {
		o.replicasOf.remove(old.Source, old.NamespacedName)
		if p := pullOf(old); p != nil {
			o.pulled.remove(p.From, old.NamespacedName)
		}
	}
	if new != nil {
		o.replicasOf.add(new.Source, new.NamespacedName)
		if p := pullOf(new); p != nil {
			o.pulled.add(p.From, new.NamespacedName)
		}
	}
}

// pullOf is what a replica asks for. One that was pushed asks for nothing, whatever was written on it since: one object
// has one writer.
func pullOf(r *Replica) *annotations.Pull {
	if r.Claims == nil || r.Mode == annotations.ReplicaPush {
		return nil
	}
	return r.Claims.PullFrom
}
