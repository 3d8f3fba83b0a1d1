package annotations

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Has reports whether Parse could find anything: an annotation of one of the three dialects, other than the marks that
// controllers leave on replicas. It is cheap, because it is called for every object in the cluster.
func Has(annotations map[string]string) bool {
	for key := range annotations {
		if isControlKey(key) && !isMark(key) {
			return true
		}
	}
	return false
}

// Parse reads one object's annotations. It never panics and does no I/O. With any Problem the policy selects nothing:
// its Push and Pull are nil.
func Parse(namespace, name string, annotations map[string]string) Claims {
	if !Has(annotations) {
		return Claims{}
	}
	p := &parser{self: types.NamespacedName{Namespace: namespace, Name: name}, annotations: annotations}
	p.replicatorMarks()
	p.pull()
	p.source()
	p.unknown()
	return p.finish()
}

// finish returns what was read. With a Problem the policy selects nothing: without the exclude that could not be read,
// the rest would reach too far.
func (p *parser) finish() Claims {
	if p.claims.Policy != nil && len(p.claims.Problems) > 0 {
		p.claims.Policy.Push, p.claims.Policy.Pull = nil, nil
	}
	p.claims.Problems, p.claims.Ignored = bounded(p.claims.Problems), bounded(p.claims.Ignored)
	return p.claims
}

// PolicyAnnotations returns the annotations that make up a source's policy, in every dialect. They are recorded for a
// source that survives its recreation, and written back onto it. Annotations by which an object pulls and marks that
// controllers write are not among them. It returns nil if there are none.
func PolicyAnnotations(annotations map[string]string) map[string]string {
	var subset map[string]string
	for key, value := range annotations {
		if !isControlKey(key) || !isPolicyKey(key) {
			continue
		}
		if subset == nil {
			subset = make(map[string]string)
		}
		subset[key] = value
	}
	return subset
}

// ParseAcceptFrom reads, on a Namespace, the patterns of the source namespaces whose pushes it accepts. It returns nil
// patterns if there is no annotation: then all are accepted. With a Problem the patterns accept none.
func ParseAcceptFrom(annotations map[string]string) (*Patterns, *Problem) {
	value, ok := annotations[AcceptFrom]
	if !ok {
		return nil, nil
	}
	patterns, problem := parseConsent(AcceptFrom, value)
	return &patterns, problem
}

// ParseAcceptAttachFrom reads, on a Namespace, the patterns of the source namespaces whose replicas may be attached to
// its ServiceAccounts. Without the annotation, or where it can't be read, it gives none.
func ParseAcceptAttachFrom(annotations map[string]string) (Patterns, *Problem) {
	return parseConsent(AcceptAttachFrom, annotations[AcceptAttachFrom])
}

func parseConsent(key, value string) (Patterns, *Problem) {
	patterns, err := ParseNamespacePatterns(value)
	if err != nil {
		return Patterns{}, &Problem{Key: key, Value: value, Reason: "is not a list of patterns: " + err.Error()}
	}
	return patterns, nil
}

// ParsePaused reads, on a Namespace, whether nothing is to be created, changed or removed in it. What can't be read
// pauses, too, since nobody writes it for another reason.
func ParsePaused(annotations map[string]string) (bool, *Problem) {
	paused, problem := parseBoolean(annotations, Paused)
	return paused || problem != nil, problem
}

// parser reads one object. Each dialect's part is in a file of its own.
type parser struct {
	self        types.NamespacedName
	annotations map[string]string
	claims      Claims
	// mirror is the key by which the object is a replica or asks to be one; empty if it is neither.
	mirror string
	// expressionBytes is the length of the object's regular expressions so far, and instructions the number of
	// instructions that those of RE2 compile to.
	expressionBytes, instructions int
}

func (p *parser) has(keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool {
		_, ok := p.annotations[key]
		return ok
	})
}

func (p *parser) problem(key, reason string) {
	p.claims.Problems = append(p.claims.Problems, Problem{Key: key, Value: p.annotations[key], Reason: reason})
}

// ignored records each of the keys that is there.
func (p *parser) ignored(reason string, keys ...string) {
	for _, key := range keys {
		if value, ok := p.annotations[key]; ok {
			p.claims.Ignored = append(p.claims.Ignored, Problem{Key: key, Value: value, Reason: reason})
		}
	}
}

// pull reads from which source the object is filled. One dialect is followed: the native one, else Reflector's, else
// kubernetes-replicator's.
func (p *parser) pull() {
	switch {
	case p.has(PullFrom):
		p.nativePull()
		p.ignored("has no effect beside "+PullFrom, reflectorReflects, replicatorFrom)
	case p.reflectorPull():
		p.ignored("has no effect beside "+reflectorReflects, replicatorFrom)
	default:
		p.replicatorPull()
	}
}

// source reads the policy of a source.
func (p *parser) source() {
	if p.mirror != "" {
		// No chains: a replica's content is another object's, and that one's policy says where it may go.
		reason := "has no effect beside " + p.mirror + ": a replica is not mirrored on"
		p.ignored(reason, nativeSourceKeys...)
		p.ignored(reason, reflectorSourceKeys...)
		p.ignored(reason, replicatorSourceKeys...)
		return
	}
	policy := &Policy{OnDelete: Remove, held: &held{}}
	switch {
	case p.has(nativeReachKeys...):
		policy.Dialect = Native
		p.nativeReach(policy)
		winner := p.firstOf(nativeReachKeys)
		p.ignored("has no effect beside "+winner, reflectorSourceKeys...)
		p.ignored("has no effect beside "+winner, replicatorSourceKeys...)
	case p.has(reflectorSourceKeys...):
		policy.Dialect = Reflector
		p.reflectorReach(policy)
		p.ignored("has no effect beside "+p.firstOf(reflectorSourceKeys), replicatorSourceKeys...)
	case p.has(replicatorReachKeys...):
		policy.Dialect = Replicator
		p.replicatorReach(policy)
	default:
		p.ignored("has no effect without a key that says where to: add "+PushTo+" or "+PullBy, nativeSourceKeys...)
		p.ignored("has no effect without "+replicatorTo+" or "+replicatorToMatching, replicatorStripLabels)
		return
	}
	p.nativeOptions(policy)
	if policy.budget = p.newBudget(policy.Push, policy.Pull); policy.budget != nil {
		policy.excluded = &answers{}
	}
	policy.textSize = p.textSize()
	p.claims.Policy = policy
}

// textSize estimates how many bytes the text of the policy takes, as it is kept. Selectors and data keys are kept as
// structs, which take more than their text.
func (p *parser) textSize() (n int) {
	for key, value := range p.annotations {
		if isControlKey(key) && isPolicyKey(key) {
			n += 2 * (len(key) + len(value))
		}
	}
	for _, key := range []string{
		PushToSelector, PullBySelector, reflectorAllowedSelector, reflectorAutoSelector, replicatorToMatching, Keys,
	} {
		n += structFactor * len(p.annotations[key])
	}
	return n
}

// structFactor is how many bytes the struct for a selector or a data key takes for each of its characters.
const structFactor = 30

func (p *parser) firstOf(keys []string) string {
	for _, key := range keys {
		if p.has(key) {
			return key
		}
	}
	return ""
}

// unknown reports keys that Mirrorball does not read: misspelt, on the wrong kind of object, or not supported.
func (p *parser) unknown() {
	for _, key := range slices.Sorted(maps.Keys(p.annotations)) {
		if !isControlKey(key) || isMark(key) || isPolicyKey(key) {
			continue
		}
		if len(p.claims.Ignored) > maxProblems {
			return // more are not reported
		}
		switch key {
		case PullFrom, reflectorReflects, replicatorFrom, replicatorFromVersion:
			continue
		case AcceptFrom, AcceptAttachFrom:
			p.ignored("has no effect here: it belongs on a Namespace", key)
		case replicatorKeepOwners:
			p.ignored("is not followed: an owner reference across namespaces makes Kubernetes delete the replica", key)
		default:
			p.ignored(unknownReason(key), key)
		}
	}
}

// parseName reads "namespace/name". Its second result is a clause that says what is wrong, or empty.
func parseName(s string) (types.NamespacedName, string) {
	namespace, name, ok := strings.Cut(s, "/")
	if !ok || namespace == "" || name == "" {
		return types.NamespacedName{}, "is not of the form namespace/name"
	}
	if len(validation.IsDNS1123Label(namespace)) > 0 {
		return types.NamespacedName{},
			"is not of the form namespace/name: " + clip(namespace) + " can't be a namespace's name"
	}
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return types.NamespacedName{}, "is not of the form namespace/name: " + clip(name) + " can't be an object's name"
	}
	return types.NamespacedName{Namespace: strings.Clone(namespace), Name: strings.Clone(name)}, ""
}
