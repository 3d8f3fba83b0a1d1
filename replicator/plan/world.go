package plan

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// World is all that a decision depends on.
type World struct {
	Key   informers.Key
	Phase Phase
	// KeepsMarked is the Resolution's.
	KeepsMarked bool
	// Source is set in PhaseActive.
	Source Source
	informers.Snapshot
	Settings Settings
	Brake    Brake
	// Rules are the operator's, or those that are built in.
	Rules *rules.Rules
	// Incompatible are objects of which it was found out, on trying, why they can't be adopted or filled: of a
	// candidate's type and content nothing is known before.
	Incompatible map[types.NamespacedName]Incompatible
}

// Settings are the operator's.
type Settings struct {
	// Namespace is Mirrorball's own. Nothing is ever mirrored into it: a replica there could pose as a record.
	Namespace string
	// Protected are the namespaces that are never written to.
	Protected annotations.Patterns
	// Reserved are names of ConfigMaps that others make in every namespace: nothing is pushed onto them.
	Reserved sets.Set[string]
	// IgnoreServiceAccounts says that replicas are not attached to ServiceAccounts, and that none are known.
	IgnoreServiceAccounts bool
}

// Protects reports whether nothing may be created or changed in a namespace.
func (s *Settings) Protects(namespace string) bool {
	//mutant:protection
	return namespace == s.Namespace || s.Protected.Match(namespace)
}

// Reserves reports whether nothing may be pushed onto a name.
func (s *Settings) Reserves(kind annotations.Kind, name string) bool {
	//mutant:reserved-names
	return kind == annotations.ConfigMap && s.Reserved.Has(name)
}

// Source is an active source.
type Source struct {
	informers.Identity
	Type   string
	Policy *annotations.Policy
	// Push, Pull and PullKeys are the digests of replicas that are in sync, by how they came to be: pushed, filled, and
	// filled in the dialect of kubernetes-replicator.
	Push, Pull, PullKeys informers.Digest
	// Plain is Push without the labels and annotations whose key has a prefix, and Prefixed are those keys. Without any,
	// it is Push.
	Plain    informers.Digest
	Prefixed []string
}

// Pushed returns the digest of a pushed replica that is in sync.
func (s *Source) Pushed(plain bool) informers.Digest {
	if plain {
		return s.Plain
	}
	return s.Push
}

// Pulled returns the digest of an object that pulls in a dialect and is in sync.
func (s *Source) Pulled(dialect annotations.Dialect) informers.Digest {
	if dialect == annotations.Replicator {
		return s.PullKeys
	}
	return s.Pull
}

// Incompatible says why a version of an object can't be adopted or filled.
type Incompatible struct {
	Version informers.Version
	// Contested says that it was tried while another source wanted the place.
	Contested bool
	// Reason is a clause about the object.
	Reason string
}

// State is how a target, a replica or a puller stands.
type State string

// The states.
const (
	InSync      State = "InSync"
	Missing     State = "Missing"
	Drifted     State = "Drifted"
	Occupied    State = "Occupied"
	Conflict    State = "Conflict"
	Barred      State = "Barred"
	Orphaned    State = "Orphaned"
	Unreadable  State = "Unreadable"
	Mismatched  State = "Mismatched"
	Forbidden   State = "Forbidden"
	Terminating State = "Terminating"
	Reserved    State = "Reserved"
	Paused      State = "Paused"
)

// Verdict is what was found at one place.
type Verdict struct {
	types.NamespacedName
	State State
	// Pull says that the place is an object that pulls; UID is the object's then.
	Pull bool
	UID  types.UID
	// Reason is a clause for people, where the state does not say it all.
	Reason string
}
