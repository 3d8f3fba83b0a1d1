package informers

import "github.com/mirrorball-dev/mirrorball/annotations"

// Observe takes in a replica as the answer to a write of ours gave it, so that the next pass does not have to wait for
// the watch. The watch has the last word: what it delivers later replaces this unless it is older, and where it is
// ahead this is passed over.
func (c *Cluster) Observe(kind annotations.Kind, r *Replica) { c.kinds[kind].replicas.observe(r) }

// ObserveAccount is Observe for a ServiceAccount.
func (c *Cluster) ObserveAccount(sa *ServiceAccount) { c.accounts.observe(sa) }

// ObserveDeleted takes in that the API server has confirmed a removal.
func (c *Cluster) ObserveDeleted(kind annotations.Kind, r *Replica) {
	c.kinds[kind].replicas.observeDeleted(r.Identity)
}
