package informers

import "k8s.io/apimachinery/pkg/types"

// Hold keeps a place for the owner of a replica that is deleted and created again, so that no other source takes it in
// between. The function that it returns ends that.
func (c *Cluster) Hold(at Key, owner types.NamespacedName) (release func()) {
	c.mu.Lock()
	c.held[at] = owner
	c.mu.Unlock()
	return func() {
		c.mu.Lock()
		delete(c.held, at)
		c.mu.Unlock()
		if o := c.kinds[at.Kind]; o != nil {
			all := changes{}
			o.placeChanged(at.NamespacedName, all)
			c.send(at.Kind, all)
		}
	}
}
