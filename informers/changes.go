package informers

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// This file turns changes into keys of sources, each with the scope that has to be looked at. A key too many costs a
// look; a key too few would leave a replica wrong.

// changes collects what one change means to the sources of one kind.
type changes map[types.NamespacedName]Change

func (c changes) add(source types.NamespacedName, change Change) {
	merged := c[source]
	merged.Add(change)
	c[source] = merged
}

func (c *Cluster) send(kind annotations.Kind, all changes) {
	delete(all, types.NamespacedName{}) // of replicas that name no source
	for n, change := range all {
		c.notify(Key{kind, n}, change)
	}
}

// sourceChange is the change of a source, or of what stands in its place.
func sourceChange(deleted bool) Change {
	return Change{Scope: FullScope(), Urgent: true, Deleted: deleted, Outdating: true}
}

// candidateChange is sourceChange for a candidate.
func candidateChange(old, new *Candidate) Change {
	change := sourceChange(new == nil)
	if p := policyOf(old); p != nil && new != nil && old.UID == new.UID && p.Equal(policyOf(new)) {
		change.Outdating = false
	}
	return change
}

func (c *Cluster) candidateChanged(o *objects, n types.NamespacedName, old, new *Candidate) {
	c.updateShare(o, n)
	returned := c.updateTenure(o, n, old, new)
	all, object, self := changes{}, Change{Scope: ObjectScope(n)}, candidateChange(old, new)
	for _, x := range []*Candidate{old, new} {
		if x != nil && x.Stripped != nil {
			all.add(x.Stripped.Source, object)
		}
		if x == nil || x.Claims == nil {
			continue
		}
		all.add(n, self)
		if x.Claims.PullFrom != nil {
			all.add(x.Claims.PullFrom.From, object)
		}
	}
	// What stands under a name matters to those who want it, and what stands where a source was, to its replicas.
	if old == nil || new == nil || old.speaks() || new.speaks() {
		c.occupantChanged(o, n, all, self)
	}
	if old == nil || new == nil || old.UID != new.UID || !policyOf(old).Equal(policyOf(new)) {
		o.competitorChanged(n, all, policyOf(old), policyOf(new), policyOf(returned))
	}
	c.send(o.kind, all)
}

// speaks reports whether the object says something to Mirrorball, or was made by it.
func (c *Candidate) speaks() bool { return c.Claims != nil || c.Stripped != nil }

func policyOf(c *Candidate) *annotations.Policy {
	if c == nil || c.Claims == nil {
		return nil
	}
	return c.Claims.Policy
}

// competitorChanged adds the sources that push replicas of the same name as n does or did.
func (o *objects) competitorChanged(n types.NamespacedName, all changes, policies ...*annotations.Policy) {
	for _, p := range policies {
		if p == nil || p.Push == nil {
			continue
		}
		for _, other := range o.candidates.find(byTarget, p.ReplicaName(n.Name)) {
			if other.NamespacedName != n {
				all.add(other.NamespacedName, Change{Scope: FullScope()})
			}
		}
	}
}

func (c *Cluster) replicaChanged(o *objects, n types.NamespacedName, old, new *Replica) {
	all, object := changes{}, Change{Scope: ObjectScope(n), Repair: c.isRepair(n, old, new)}
	for _, x := range []*Replica{old, new} {
		if x == nil {
			continue
		}
		if x.Source != (types.NamespacedName{}) {
			all.add(x.Source, object)
			o.sourceOfSource(x.Source, all)
			if old == nil || new == nil || old.Source != new.Source {
				c.namingChanged(o, x.Source, all)
			}
		}
		if p := pullOf(x); p != nil {
			all.add(p.From, object)
		}
		if x.Claims != nil {
			all.add(n, sourceChange(false)) // a replica that claims to be a source is told that it is none
		}
	}
	if old == nil || new == nil || old.Source != new.Source || old.Mode != new.Mode {
		c.occupantChanged(o, n, all, sourceChange(false))
	}
	//mutant:stripped-uncovered
	if new == nil {
		o.strippedUncovered(n, all)
	}
	c.send(o.kind, all)
}

// isRepair reports whether the change is one that may have to be undone: nothing is repaired while a namespace goes.
func (c *Cluster) isRepair(n types.NamespacedName, old, new *Replica) bool {
	if old == nil || new != nil && old.Version == new.Version {
		return false
	}
	ns := c.namespace(n.Namespace)
	return ns != nil && !ns.Deleting
}

// strippedUncovered adds the source that the object without the label names, which stands where a replica stood: it was
// passed over for as long as the watch of the replicas was behind.
func (o *objects) strippedUncovered(n types.NamespacedName, all changes) {
	if x := o.candidates.get(n); x != nil && x.Stripped != nil {
		all.add(x.Stripped.Source, Change{Scope: ObjectScope(n)})
	}
}

// occupantChanged adds the sources whose replicas have the name of n, and n itself if anything refers to it as a
// source.
func (c *Cluster) occupantChanged(o *objects, n types.NamespacedName, all changes, self Change) {
	o.placeChanged(n, all)
	if o.isNamed(n) || c.record(Key{o.kind, n}) != nil {
		all.add(n, self)
	}
}

// sourceOfSource adds the source of n where n is a replica that claims to be a source: whether it may be removed
// depends on whether it has replicas itself.
func (o *objects) sourceOfSource(n types.NamespacedName, all changes) {
	if r := o.replicas.get(n); r != nil && r.Claims != nil && r.Claims.Policy != nil {
		all.add(r.Source, Change{Scope: ObjectScope(n)})
	}
}

func (c *Cluster) namespaceChanged(n types.NamespacedName, old, new *Namespace) {
	c.mu.Lock()
	c.sorted = nil
	c.mu.Unlock()
	sameLabels := new != nil && old != nil && equality.Semantic.DeepEqual(old.Labels, new.Labels)
	if sameLabels && old.UID == new.UID && new.Same(old) {
		return
	}
	// When a namespace is gone, nobody waits: what stood in it was deleted one by one.
	change := Change{Scope: NamespaceScope(n.Name), Urgent: new != nil}
	for _, s := range c.policies() {
		if !sameLabels && s.key.Namespace == n.Name {
			c.homeChanged(s)
		}
		// One that is frozen is looked at in full when that ends.
		if s.policy.Frozen() == nil && (mayReach(s.policy, old) || mayReach(s.policy, new)) {
			c.notify(s.key, change)
		}
	}
	if isUnreadable(old) != isUnreadable(new) || isPaused(old) != isPaused(new) {
		c.holdChanged(n.Name)
	}
	if c.gates != nil && (old == nil || new == nil) {
		c.reachChanged(n.Name)
	}
}

// reachChanged notifies the sources in a namespace that are known only because something names them: what became of
// them can be found out now, or not any more.
func (c *Cluster) reachChanged(namespace string) {
	for kind, o := range c.kinds {
		for _, n := range c.missingSources(o) {
			if n.Namespace == namespace {
				c.notify(Key{kind, n}, Change{Scope: FullScope()})
			}
		}
	}
}

func isUnreadable(n *Namespace) bool { return n != nil && n.Problem != nil }

func isPaused(n *Namespace) bool { return n != nil && n.Paused }

// holdChanged notifies the sources of the replicas and of the attachments in a namespace: those that are not wanted any
// more stay while it is paused or its annotations can't be read.
func (c *Cluster) holdChanged(namespace string) {
	found := map[annotations.Kind]changes{annotations.Secret: {}, annotations.ConfigMap: {}}
	for kind, o := range c.kinds {
		for _, r := range o.replicas.all() {
			if r.Namespace == namespace {
				found[kind].add(r.Source, Change{Scope: ObjectScope(r.NamespacedName)})
			}
		}
		for _, x := range o.candidates.find(byRole, roleStripped) {
			if x.Namespace == namespace {
				found[kind].add(x.Stripped.Source, Change{Scope: ObjectScope(x.NamespacedName)})
			}
		}
	}
	for _, sa := range c.accounts.find(byNamespace, namespace) {
		for _, source := range sa.Attached {
			found[annotations.Secret].add(source, Change{Scope: NamespaceScope(namespace)})
		}
	}
	for kind, all := range found {
		c.send(kind, all)
	}
}

// Same reports whether a decision on n is the same as on another version of it.
func (n *Namespace) Same(other *Namespace) bool {
	return n.Deleting == other.Deleting && sameProblem(n.Problem, other.Problem) && n.Paused == other.Paused &&
		equality.Semantic.DeepEqual(n.Labels, other.Labels) && samePatterns(n.Accept, other.Accept) &&
		n.sameAttachConsent(other)
}

func sameProblem(a, b *annotations.Problem) bool { return a == b || a != nil && b != nil && *a == *b }

func samePatterns(a, b *annotations.Patterns) bool {
	return a == b || a != nil && b != nil && a.Equal(*b)
}

// mayReach errs on the side of yes: what may take long to match, or can't be matched, is for the worker to find out.
// This here runs between a watch event and the next one.
func mayReach(p *annotations.Policy, n *Namespace) bool {
	return n != nil && p.MayReach(n.Name, n.Labels)
}

// sourcePolicy is a source with its policy.
type sourcePolicy struct {
	key    Key
	policy *annotations.Policy
}

func (c *Cluster) policies() []sourcePolicy {
	var all []sourcePolicy
	for kind, o := range c.kinds {
		for _, x := range o.candidates.find(byRole, roleSource) {
			all = append(all, sourcePolicy{Key{kind, x.NamespacedName}, x.Claims.Policy})
		}
	}
	return all
}

// accountChanged is urgent for a new ServiceAccount: Pods that are admitted before the attachment never get it.
func (c *Cluster) accountChanged(n types.NamespacedName, old, new *ServiceAccount) {
	if c.kinds[annotations.Secret] == nil {
		return
	}
	all, change := changes{}, Change{Scope: NamespaceScope(n.Namespace), Urgent: old == nil}
	for _, x := range []*ServiceAccount{old, new} {
		if x == nil {
			continue
		}
		for _, source := range x.Attached {
			all.add(source, change)
		}
	}
	for _, s := range c.policies() {
		if s.key.Kind == annotations.Secret && s.policy.MayAttachTo(n.Name) {
			all.add(s.key.NamespacedName, change)
		}
	}
	c.send(annotations.Secret, all)
}

// recordChanged asks for a look at the source itself, and by those whom it keeps from a place or a rank.
func (c *Cluster) recordChanged(_ types.NamespacedName, old, new *Record) {
	for _, x := range []*Record{old, new} {
		if x != nil && x.Problem == "" {
			c.notify(x.Source, Change{})
			c.tenureChanged(x)
		}
	}
	if new != nil && new.Problem != "" && (old == nil || old.Problem != new.Problem) {
		c.unreadable(new)
	}
}
