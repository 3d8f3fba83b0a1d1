package informers

import (
	"maps"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
)

// Scope is the part of a source's targets, replicas and pullers that a pass looks at. The zero Scope has none of them:
// a pass with it looks at the source itself and nothing else.
type Scope struct {
	// Full is everything; the other fields are empty then.
	Full bool
	// Namespaces are looked at as targets, with the pullers and the ServiceAccounts in them.
	Namespaces sets.Set[string]
	// Objects are replicas, pullers and occupants of targets. Their namespaces belong to the scope too.
	Objects sets.Set[types.NamespacedName]
}

// maxScope is how many entries a Scope has before it becomes full: a pass over everything costs less than the memory.
const maxScope = 1000

// FullScope is a Scope of everything.
func FullScope() Scope { return Scope{Full: true} }

// NamespaceScope is a Scope of one namespace.
func NamespaceScope(namespace string) Scope { return Scope{Namespaces: sets.New(namespace)} }

// ObjectScope is a Scope of some objects.
func ObjectScope(objects ...types.NamespacedName) Scope { return Scope{Objects: sets.New(objects...)} }

// Empty reports whether the scope has neither a namespace nor an object.
func (s *Scope) Empty() bool { return !s.Full && len(s.Namespaces) == 0 && len(s.Objects) == 0 }

// Add makes the union of s and other. It does not keep other's sets.
func (s *Scope) Add(other Scope) {
	if s.Full || other.Full || len(s.Namespaces)+len(s.Objects)+len(other.Namespaces)+len(other.Objects) > maxScope {
		*s = FullScope()
		return
	}
	if s.Namespaces == nil && len(other.Namespaces) > 0 {
		s.Namespaces = sets.New[string]()
	}
	if s.Objects == nil && len(other.Objects) > 0 {
		s.Objects = sets.New[types.NamespacedName]()
	}
	maps.Copy(s.Namespaces, other.Namespaces)
	maps.Copy(s.Objects, other.Objects)
}

// AllNamespaces returns the names of all namespaces of a scope that is not full.
func (s *Scope) AllNamespaces() sets.Set[string] {
	all := sets.New[string]()
	maps.Copy(all, s.Namespaces)
	for n := range s.Objects {
		all.Insert(n.Namespace)
	}
	return all
}

// Change says what a change in the cluster means to a source.
type Change struct {
	// Scope is what has to be looked at again.
	Scope Scope
	// Urgent says that people wait for the outcome: the source itself has changed, or a namespace is new or takes
	// something else than before. The watch events of our own writes are not urgent.
	Urgent bool
	// Repair says that a replica was changed or deleted, by somebody or by a write of ours that is still under way.
	Repair bool
	// Deleted says that the source itself is gone.
	Deleted bool
	// Outdating says that the source is another object or has another policy, so that a pass that is under way acts on
	// outdated facts. That its content alone has changed does not say so: it would be so all the time where a source is
	// written all the time.
	Outdating bool
}

// Add merges a later change into c.
func (c *Change) Add(later Change) {
	c.Scope.Add(later.Scope)
	c.Urgent = c.Urgent || later.Urgent
	c.Repair = c.Repair || later.Repair
	c.Deleted = c.Deleted || later.Deleted
	c.Outdating = c.Outdating || later.Outdating
}
