package informers

import (
	"github.com/mirrorball-dev/mirrorball/annotations"
)

// Occupant is what stands under one name: a candidate, a replica, or nothing.
type Occupant struct {
	Candidate *Candidate
	Replica   *Replica
}

// Claims returns what the object's annotations say to Mirrorball, or nil.
func (o Occupant) Claims() *annotations.Claims {
	switch {
	case o.Replica != nil:
		return o.Replica.Claims
	case o.Candidate != nil:
		return o.Candidate.Claims
	}
	return nil
}

// Pull returns how the object asks to be filled, or nil.
func (o Occupant) Pull() *annotations.Pull {
	switch {
	case o.Replica != nil:
		return pullOf(o.Replica)
	case o.Candidate != nil && o.Candidate.Claims != nil:
		return o.Candidate.Claims.PullFrom
	}
	return nil
}

// Problems returns the annotations on the object that could not be read.
func (o Occupant) Problems() []annotations.Problem {
	if claims := o.Claims(); claims != nil {
		return claims.Problems
	}
	return nil
}

// isUnnamedCopy reports whether the object is a copy by kubernetes-replicator, which does not say of which source.
func (o Occupant) isUnnamedCopy() bool {
	return o.Candidate != nil && o.Candidate.Claims != nil && o.Candidate.Claims.PushedVersion != ""
}

// Identity returns the object's, or nil where there is none.
func (o Occupant) Identity() *Identity {
	switch {
	case o.Replica != nil:
		return &o.Replica.Identity
	case o.Candidate != nil:
		return &o.Candidate.Identity
	}
	return nil
}

// Get returns what stands under a name.
func (c *Cluster) Get(k Key) Occupant {
	o := c.kinds[k.Kind]
	if o == nil {
		return Occupant{}
	}
	at := Occupant{Candidate: o.candidates.get(k.NamespacedName), Replica: o.replicas.get(k.NamespacedName)}
	if at.Candidate != nil && at.Replica != nil {
		// One of the watches is behind: the object was relabelled, or deleted and created again.
		if at.Candidate.Version > at.Replica.Version {
			at.Replica = nil
		} else {
			at.Candidate = nil
		}
	}
	return at
}
