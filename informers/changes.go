package informers

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// This file turns changes into keys. A key too many costs a look; a key too few would leave a replica wrong.

func (c *Cluster) candidateChanged(o *objects, n types.NamespacedName, old, new *Candidate) {
	keys := names{}
	for _, x := range []*Candidate{old, new} {
		if x == nil || x.Claims == nil {
			continue
		}
		keys[n] = struct{}{}
		if x.Claims.PullFrom != nil {
			keys[x.Claims.PullFrom.From] = struct{}{}
		}
		if x.Claims.Policy != nil && x.Claims.Policy.Push != nil {
			c.wanting(o, x.Claims.Policy.ReplicaName(n.Name), keys) // rivals
		}
	}
	// What stands at a place matters to those who want it, and what stands where a source was, to its replicas.
	if old == nil || new == nil || old.Claims != nil || new.Claims != nil {
		c.wanting(o, n.Name, keys)
		c.concerned(o, n, keys)
	}
	news := NewsOfItself
	if new == nil {
		news = NewsOfItsEnd
	}
	c.send(o.kind, n, news, keys)
}

func (c *Cluster) replicaChanged(o *objects, n types.NamespacedName, old, new *Replica) {
	keys := names{}
	for _, x := range []*Replica{old, new} {
		if x == nil {
			continue
		}
		if x.Source != (types.NamespacedName{}) {
			keys[x.Source] = struct{}{}
			c.above(o, x.Source, keys)
		}
		if p := pullOf(x); p != nil {
			keys[p.From] = struct{}{}
		}
		if x.Claims != nil {
			keys[n] = struct{}{} // a replica that wants to be a source is told so
		}
	}
	if old == nil || new == nil || old.Source != new.Source || old.Mode != new.Mode {
		c.wanting(o, n.Name, keys)
		c.concerned(o, n, keys)
	}
	c.send(o.kind, n, NewsOfItself, keys)
}

func (c *Cluster) namespaceChanged(_ types.NamespacedName, old, new *Namespace) {
	if new == nil {
		return // what stood in it is deleted one by one
	}
	if old != nil && old.UID == new.UID && old.Deleting == new.Deleting && old.Problem == new.Problem &&
		equality.Semantic.DeepEqual(old.Labels, new.Labels) && samePatterns(old.Accept, new.Accept) {
		return
	}
	for key, policy := range c.policies() {
		if reaches(policy, old) || reaches(policy, new) {
			c.notify(key, NewsOfReach)
		}
	}
	if old != nil && old.Problem != nil && new.Problem == nil {
		c.thawed(new.Name)
	}
}

// thawed tells the sources of the replicas in a namespace: those that were not wanted any more stayed while its
// accept-from could not be read.
func (c *Cluster) thawed(namespace string) {
	keys := map[Key]struct{}{}
	c.mu.RLock()
	for kind, o := range c.kinds {
		for n, r := range o.replicas.items {
			if n.Namespace == namespace {
				keys[Key{kind, r.Source}] = struct{}{}
			}
		}
	}
	c.mu.RUnlock()
	for key := range keys {
		c.notify(key, NewsAround)
	}
}

func samePatterns(a, b *annotations.Patterns) bool {
	return a == b || a != nil && b != nil && a.Equal(*b)
}

// reaches errs on the side of yes: what may take long to match, or can't be matched, is for the worker to find out.
// This here runs between a stream and its next change.
func reaches(p *annotations.Policy, n *Namespace) bool {
	return n != nil && p.MayReach(n.Name, n.Labels)
}

func (c *Cluster) policies() map[Key]*annotations.Policy {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := map[Key]*annotations.Policy{}
	for kind, o := range c.kinds {
		for n := range o.sources {
			all[Key{kind, n}] = o.candidates.items[n].Claims.Policy
		}
	}
	return all
}

func (c *Cluster) accountChanged(n types.NamespacedName, old, new *ServiceAccount) {
	o := c.kinds[annotations.Secret]
	if o == nil {
		return
	}
	keys := names{}
	for _, x := range []*ServiceAccount{old, new} {
		if x == nil {
			continue
		}
		for _, source := range x.Attached {
			keys[source] = struct{}{}
		}
	}
	for key, policy := range c.policies() {
		if key.Kind == annotations.Secret && policy.AttachTo.Match(n.Name) {
			keys[key.NamespacedName] = struct{}{}
		}
	}
	c.send(o.kind, n, NewsOfItself, keys)
}

func (c *Cluster) recordChanged(_ types.NamespacedName, old, new *Record) {
	for _, x := range []*Record{old, new} {
		if x != nil {
			c.notify(x.Source, NewsAround)
		}
	}
}

// wanting adds the sources whose replicas have the given name.
func (c *Cluster) wanting(o *objects, target string, keys names) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for n := range o.wanted[target] {
		keys[n] = struct{}{}
	}
}

// concerned adds n itself if anything in the cluster refers to it as a source.
func (c *Cluster) concerned(o *objects, n types.NamespacedName, keys names) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.isNamed(o, n) || c.remembered[Key{o.kind, n}] != nil {
		keys[n] = struct{}{}
	}
}

// above adds the source of n where n is a replica that poses as a source: whether it may be removed depends on whether
// it has replicas itself.
func (c *Cluster) above(o *objects, n types.NamespacedName, keys names) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if r := o.replicas.items[n]; r != nil && r.Claims != nil && r.Claims.Policy != nil {
		keys[r.Source] = struct{}{}
	}
}

// send tells of the keys that a change of the subject may concern.
func (c *Cluster) send(kind annotations.Kind, subject types.NamespacedName, itself News, keys names) {
	for n := range keys {
		if n == subject {
			c.notify(Key{kind, n}, itself)
		} else {
			c.notify(Key{kind, n}, NewsAround)
		}
	}
}
