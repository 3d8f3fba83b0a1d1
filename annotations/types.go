package annotations

import (
	"sync/atomic"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Kind is a kind of object that is mirrored.
type Kind string

// The kinds that are mirrored. A replica always has its source's kind.
const (
	Secret    Kind = "Secret"
	ConfigMap Kind = "ConfigMap"
)

// CouldName reports whether n could be the name of an object: neither part is empty, and both keep to the length and
// the characters of names. The marks on a replica may hold anything.
func CouldName(n types.NamespacedName) bool {
	return couldName(n.Namespace, validation.DNS1123LabelMaxLength) &&
		couldName(n.Name, validation.DNS1123SubdomainMaxLength)
}

// couldName is called for every replica, and cheaper than the regular expressions of apimachinery.
func couldName(s string, limit int) bool {
	if s == "" || len(s) > limit || s[0] == '.' {
		return false
	}
	for i := range len(s) {
		if !isNameByte(s[i]) {
			return false
		}
	}
	return true
}

// Dialect is the vocabulary in which an object speaks of pushing and pulling.
type Dialect uint8

// The dialects, in order of precedence on one object.
const (
	Native Dialect = iota
	Reflector
	Replicator
)

// Claims is what one object's annotations say to Mirrorball. Anyone who may write the object may write them: whoever
// acts on a claim about another object checks it against that object's policy first.
type Claims struct {
	// Policy is set on a source, frozen or not.
	Policy *Policy
	// PullFrom is set on an object that asks to be filled; such an object is never a source.
	PullFrom *Pull
	// Mirror is set on an object that Reflector pushed (auto-reflects): the source it names.
	Mirror *types.NamespacedName
	// PushedVersion is set on an object that kubernetes-replicator pushed: its source's resourceVersion at the time.
	// That controller's replicas do not name their source.
	PushedVersion string
	// Problems are the annotations that could not be read. With any, the object is frozen.
	Problems []Problem
	// Ignored are keys that are understood but have no effect beside others, and why; they freeze nothing.
	Ignored []Problem
}

// SaysMore reports whether the object is, or may be, more than a replica: a source, one that pulls, or another
// controller's copy.
func (c *Claims) SaysMore() bool {
	return c.Policy != nil || c.PullFrom != nil || c.Mirror != nil || c.PushedVersion != "" || len(c.Problems) > 0
}

// Pull is a request to be filled from a source.
type Pull struct {
	From    types.NamespacedName
	Dialect Dialect
}

// Problem is one annotation that could not be read or was not followed.
type Problem struct {
	Key, Value string
	// Reason is a clause that says what is wrong, what was expected and what to do.
	Reason string
}

// Deletion says what happens to pushed replicas when their source is gone for longer than the grace.
type Deletion string

// The values of the OnDelete annotation.
const (
	Remove Deletion = "remove"
	Keep   Deletion = "keep"
)

// Policy is what a source's annotations say, in whichever dialect, parsed once.
type Policy struct {
	// Dialect is the one that Push and Pull were written in.
	Dialect Dialect
	// Push and Pull are the namespaces that the source is pushed to and may be pulled by; nil is none.
	Push, Pull *Reach
	// Exclude takes namespaces away from both.
	Exclude Patterns
	// TargetName is the replicas' name; empty is the source's own.
	TargetName string
	// Keys are the data keys to write; empty is all, under their own names.
	Keys []KeyRename
	// CopyLabels and CopyAnnotations are the metadata keys to carry over. See Patterns.MatchKey.
	CopyLabels, CopyAnnotations Patterns
	// AttachTo are the ServiceAccounts whose imagePullSecrets are to name the replica.
	AttachTo Patterns
	// OnDelete is Remove or Keep.
	OnDelete Deletion
	// SurvivesRecreation is set if a source that is created again without annotations keeps this policy.
	SurvivesRecreation bool
	// Paused says that nothing is created, changed or removed on the source's account.
	Paused bool

	// budget bounds the time that matching takes; nil if it cannot take long.
	budget *budget
	// excluded are the names that match Exclude; nil without a budget.
	excluded *answers
	// textSize is how many bytes the annotations take that make the policy.
	textSize int
	// held is what changes while the policy is held; nil in the zero Policy.
	held *held
	// outline is set where the policy is held without its text; see Outline.
	outline *outline
}

// held is what changes of a policy while it is held.
type held struct {
	// suspended is set from Suspend to Resume.
	suspended atomic.Pointer[error]
	// full is the policy with its text, while that of an outline is loaded.
	full atomic.Pointer[Policy]
}

// KeyRename is one data key to carry over: From in the source, To in the replica.
type KeyRename struct{ From, To string }
