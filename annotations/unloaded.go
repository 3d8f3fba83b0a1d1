package annotations

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
)

// maxTextHeld is how many bytes the text of a policy may take that is held for every source. A longer one is held only
// while there is room for it: thousands of sources with a quarter of a megabyte of annotations each are more than the
// process can hold.
const maxTextHeld = 2 << 10

// IsLarge reports whether the policy is to be held without its text, see Unloaded.
func (p *Policy) IsLarge() bool { return p.textSize > maxTextHeld }

// unloaded is what a policy without its text knows of the text.
type unloaded struct {
	fingerprint [sha256.Size]byte
	cost        Cost
}

var errUnloaded = errors.New("the annotations have not been read yet")

// Unloaded returns the policy without its patterns, selectors, expressions and data keys, given the annotations that
// make it. What it selects is not known until Load, nor after Suspend.
func (p *Policy) Unloaded(annotations map[string]string) *Policy {
	lean := &Policy{
		Dialect: p.Dialect, TargetName: p.TargetName, OnDelete: p.OnDelete, SurvivesRecreation: p.SurvivesRecreation,
		Paused:   p.Paused,
		unloaded: &unloaded{fingerprint: fingerprint(annotations), cost: p.Cost()},
	}
	if p.Push != nil {
		lean.Push = &Reach{}
	}
	if p.Pull != nil {
		lean.Pull = &Reach{}
	}
	return lean
}

// Load gives an unloaded policy what it was unloaded of, and reports whether it is that: the annotations have to be the
// same. On a policy that was not unloaded it does nothing.
func (p *Policy) Load(full *Policy, annotations map[string]string) bool {
	if p.unloaded == nil || p.unloaded.fingerprint != fingerprint(annotations) {
		return false
	}
	p.full.CompareAndSwap(nil, full)
	return true
}

// Full returns the policy with its text, or nil while that is not loaded.
func (p *Policy) Full() *Policy {
	if p.unloaded == nil {
		return p
	}
	return p.full.Load()
}

// MayAttachTo reports whether the replicas may have to be attached to a ServiceAccount of this name.
func (p *Policy) MayAttachTo(name string) bool {
	full := p.Full()
	return full == nil || full.AttachTo.Match(name)
}

func fingerprint(annotations map[string]string) (sum [sha256.Size]byte) {
	h := sha256.New()
	write := func(s string) {
		_ = binary.Write(h, binary.BigEndian, int64(len(s))) // a hash takes everything
		h.Write([]byte(s))
	}
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		write(key)
		write(annotations[key])
	}
	h.Sum(sum[:0])
	return sum
}

const (
	// maxProblems is how many of an object's annotations are reported.
	maxProblems = 20
	// maxValue is how much of a value is held to be reported, of which clip shows less.
	maxValue = 2 * clipLength
)

// bounded returns the first of an object's problems in order, without what is not shown.
func bounded(problems []Problem) []Problem {
	sortProblems(problems)
	if len(problems) > maxProblems {
		problems = slices.Clone(problems[:maxProblems])
	}
	for i := range problems {
		if len(problems[i].Value) > maxValue {
			problems[i].Value = strings.Clone(problems[i].Value[:maxValue])
		}
	}
	return problems
}
