package annotations

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	// maxTextHeld is how many bytes the text of a policy may take that is read and held for every source. A longer one is
	// held only while there is room for it: thousands of sources with a quarter of a megabyte of annotations each are more
	// than the process can hold, or read in time when it starts.
	maxTextHeld = 2 << 10
	// maxDotNetText is the same for the characters of .NET's expressions, which take longest to check.
	maxDotNetText = 128
)

// outline is what a policy without its text knows of the text.
type outline struct{ fingerprint [sha256.Size]byte }

var errNotLoaded = errors.New("the annotations have not been read yet")

// Outline is Parse for all objects of a cluster. Of a source whose policy is long it reads only what is short: not the
// patterns, selectors, expressions and data keys. What such a policy selects, and whether it has a Problem, is not
// known until Load, nor after Suspend.
func Outline(namespace, name string, annotations map[string]string) Claims {
	if !Has(annotations) {
		return Claims{}
	}
	p := &parser{self: types.NamespacedName{Namespace: namespace, Name: name}, annotations: annotations}
	if !p.isLong() {
		return Parse(namespace, name, annotations)
	}
	p.replicatorMarks()
	p.pull()
	if p.mirror == "" {
		p.claims.Policy = p.outline()
	}
	return p.finish()
}

// isLong reports whether the object's policy is one to be held without its text.
func (p *parser) isLong() bool {
	if p.textSize() > maxTextHeld {
		return true
	}
	n := 0
	for _, key := range []string{reflectorAllowedList, reflectorAutoList} {
		for entry := range strings.SplitSeq(p.annotations[key], ",") {
			if text := strings.TrimSpace(entry); !isLiteral(text) {
				n += len(text)
			}
		}
	}
	return n > maxDotNetText
}

// outline reads what is short of a policy; nil where the object has none.
func (p *parser) outline() *Policy {
	policy := &Policy{OnDelete: Remove, held: &held{}, textSize: p.textSize()}
	push, pull := false, false
	switch {
	case p.has(nativeReachKeys...):
		policy.Dialect, push, pull = Native, p.has(PushTo, PushToSelector), p.has(PullBy, PullBySelector)
	case p.has(reflectorSourceKeys...):
		policy.Dialect, pull = Reflector, isTrue(p.annotations[reflectorAllowed])
		push = pull && isTrue(p.annotations[reflectorAuto])
	case p.has(replicatorReachKeys...):
		policy.Dialect, push, pull = Replicator, p.has(replicatorTo, replicatorToMatching), p.has(replicatorAllowed)
	default:
		return nil
	}
	if push {
		policy.Push = &Reach{}
	}
	if pull {
		policy.Pull = &Reach{}
	}
	// One that can't be read is found out when the policy is loaded.
	if name := p.annotations[TargetName]; len(name) <= validation.DNS1123SubdomainMaxLength {
		policy.TargetName = strings.Clone(name)
	}
	if p.annotations[OnDelete] == string(Keep) {
		policy.OnDelete = Keep
	}
	policy.SurvivesRecreation, _ = strconv.ParseBool(p.annotations[SurvivesRecreation])
	policy.Paused, _ = strconv.ParseBool(p.annotations[Paused])
	policy.outline = &outline{fingerprint(PolicyAnnotations(p.annotations))}
	return policy
}

// IsOutline reports whether the policy is held without its text.
func (p *Policy) IsOutline() bool { return p.outline != nil }

// Load gives an outline the policy of which it is one, and reports whether it is that: the annotations have to be the
// same. On any other policy it does nothing.
func (p *Policy) Load(full *Policy, annotations map[string]string) bool {
	if p.outline == nil || p.outline.fingerprint != fingerprint(annotations) {
		return false
	}
	p.held.full.CompareAndSwap(nil, full)
	return true
}

// Full returns the policy with its text, or nil while that is not loaded.
func (p *Policy) Full() *Policy {
	if p.outline == nil {
		return p
	}
	return p.held.full.Load()
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
