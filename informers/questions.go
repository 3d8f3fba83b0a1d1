package informers

import (
	"cmp"
	"slices"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"k8s.io/apimachinery/pkg/types"
)

// Standing is what stands at one place: a candidate, a replica, or nothing.
type Standing struct {
	Candidate *Candidate
	Replica   *Replica
}

// Pull is how the object asks to be filled, or nil.
func (s Standing) Pull() *annotations.Pull {
	switch {
	case s.Replica != nil:
		return pullOf(s.Replica)
	case s.Candidate != nil && s.Candidate.Claims != nil:
		return s.Candidate.Claims.PullFrom
	}
	return nil
}

// Problems are the annotations on the object that could not be read.
func (s Standing) Problems() []annotations.Problem {
	switch {
	case s.Replica != nil && s.Replica.Claims != nil:
		return s.Replica.Claims.Problems
	case s.Candidate != nil && s.Candidate.Claims != nil:
		return s.Candidate.Claims.Problems
	}
	return nil
}

// Identity is the object's, or nil where there is none.
func (s Standing) Identity() *Identity {
	switch {
	case s.Replica != nil:
		return &s.Replica.Identity
	case s.Candidate != nil:
		return &s.Candidate.Identity
	}
	return nil
}

// At answers what stands at a place.
func (c *Cluster) At(k Key) Standing {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.at(k)
}

func (c *Cluster) at(k Key) Standing {
	o := c.kinds[k.Kind]
	if o == nil {
		return Standing{}
	}
	s := Standing{Candidate: o.candidates.items[k.NamespacedName], Replica: o.replicas.items[k.NamespacedName]}
	if s.Candidate != nil && s.Replica != nil {
		// One of the streams is behind: what it tells of was relabelled, or deleted and made again.
		if s.Candidate.Version > s.Replica.Version {
			s.Replica = nil
		} else {
			s.Candidate = nil
		}
	}
	return s
}

// Places answers what stands under one name in each of the namespaces, in their order.
func (c *Cluster) Places(kind annotations.Kind, name string, namespaces []*Namespace) []Standing {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := make([]Standing, len(namespaces))
	for i, n := range namespaces {
		out[i] = c.at(Key{kind, types.NamespacedName{Namespace: n.Name, Name: name}})
	}
	return out
}

// Namespaces are all namespaces, sorted by name.
func (c *Cluster) Namespaces() []*Namespace {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sorted == nil {
		c.sorted = make([]*Namespace, 0, len(c.namespaces.items))
		for _, n := range c.namespaces.items {
			c.sorted = append(c.sorted, n)
		}
		slices.SortFunc(c.sorted, func(a, b *Namespace) int { return cmp.Compare(a.Name, b.Name) })
	}
	return c.sorted
}

// ReplicasOf are the objects that name the source as theirs, sorted by namespace and name.
func (c *Cluster) ReplicasOf(source Key) []*Replica {
	c.mu.RLock()
	defer c.mu.RUnlock()
	o := c.kinds[source.Kind]
	if o == nil {
		return nil
	}
	out := make([]*Replica, 0, len(o.replicasOf[source.NamespacedName]))
	for n := range o.replicasOf[source.NamespacedName] {
		out = append(out, o.replicas.items[n])
	}
	slices.SortFunc(out, func(a, b *Replica) int { return compareNames(a.NamespacedName, b.NamespacedName) })
	return out
}

// HasReplicas says whether anything in the cluster is by its labels a replica of the object.
func (c *Cluster) HasReplicas(k Key) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	o := c.kinds[k.Kind]
	return o != nil && len(o.replicasOf[k.NamespacedName]) > 0
}

func (c *Cluster) isNamed(o *objects, n types.NamespacedName) bool {
	return o != nil && len(o.replicasOf[n])+len(o.pullers[n])+len(o.pulled[n]) > 0
}

// Pullers are the objects that ask to be filled from the source, sorted by namespace and name.
func (c *Cluster) Pullers(source Key) []Standing {
	c.mu.RLock()
	defer c.mu.RUnlock()
	o := c.kinds[source.Kind]
	if o == nil {
		return nil
	}
	list := append(o.pullers.list(source.NamespacedName), o.pulled.list(source.NamespacedName)...)
	slices.SortFunc(list, compareNames)
	list = slices.Compact(list)
	out := make([]Standing, 0, len(list))
	for _, n := range list {
		// While an object passes from one stream to the other, what is indexed of the one may be over by the other.
		at := c.at(Key{source.Kind, n})
		if pull := at.Pull(); pull != nil && pull.From == source.NamespacedName {
			out = append(out, at)
		}
	}
	return out
}

// Rivals are the other sources that push replicas of the given name.
func (c *Cluster) Rivals(source Key, target string) []*Candidate {
	c.mu.RLock()
	defer c.mu.RUnlock()
	o := c.kinds[source.Kind]
	if o == nil {
		return nil
	}
	var out []*Candidate
	for n := range o.wanted[target] {
		if n != source.NamespacedName {
			out = append(out, o.candidates.items[n])
		}
	}
	slices.SortFunc(out, func(a, b *Candidate) int { return compareNames(a.NamespacedName, b.NamespacedName) })
	return out
}

// Record is what is remembered of the source, or nil.
func (c *Cluster) Record(source Key) *Record {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.remembered[source]
}

// AccountsIn are the ServiceAccounts of a namespace, sorted by name.
func (c *Cluster) AccountsIn(namespace string) []*ServiceAccount {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.accountList(c.accountsIn[namespace])
}

// AttachedTo are the ServiceAccounts to which Mirrorball added replicas of the source, sorted.
func (c *Cluster) AttachedTo(source types.NamespacedName) []*ServiceAccount {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.accountList(c.attached[source])
}

func (c *Cluster) accountList(set names) []*ServiceAccount {
	var out []*ServiceAccount
	for n := range set {
		out = append(out, c.accounts.items[n])
	}
	slices.SortFunc(out, func(a, b *ServiceAccount) int { return compareNames(a.NamespacedName, b.NamespacedName) })
	return out
}

func compareNames(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// Observe takes in a replica as the answer to a write of ours gave it, so that the next look does not have to wait for
// the watch. The watch has the last word: what it delivers later replaces this unless it is older, and where it is
// ahead this is passed over.
func (c *Cluster) Observe(kind annotations.Kind, r *Replica) { c.kinds[kind].replicas.observe(r) }

// ObserveAccount is Observe for a ServiceAccount.
func (c *Cluster) ObserveAccount(sa *ServiceAccount) { c.accounts.observe(sa) }

// Forget takes in that the API server has confirmed a removal.
func (c *Cluster) Forget(kind annotations.Kind, r *Replica) {
	c.kinds[kind].replicas.remove(r.Identity)
}
