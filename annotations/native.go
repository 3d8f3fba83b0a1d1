package annotations

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// nativeReachKeys are the keys that make an object a source in Mirrorball's own dialect.
var nativeReachKeys = []string{PushTo, PushToSelector, PullBy, PullBySelector}

// nativeOptionKeys are the keys that may stand beside the reach keys of any dialect.
var nativeOptionKeys = []string{
	Exclude, TargetName, Keys, CopyLabels, CopyAnnotations, AttachToServiceAccounts, OnDelete, SurvivesRecreation, Paused,
}

var nativeSourceKeys = append(append([]string(nil), nativeReachKeys...), nativeOptionKeys...)

func (p *parser) nativePull() {
	from, wrong := parseName(p.annotations[PullFrom])
	switch {
	case wrong != "":
		p.problem(PullFrom, wrong)
	case from == p.self:
		p.problem(PullFrom, "names the object itself: name the one to be filled from")
	default:
		p.claims.PullFrom = &Pull{From: from, Dialect: Native}
		p.mirror = PullFrom
	}
}

func (p *parser) nativeReach(policy *Policy) {
	policy.Push = reachOf(p.nativeSide(PushTo, PushToSelector))
	policy.Pull = reachOf(p.nativeSide(PullBy, PullBySelector))
}

// nativeSide reads patterns and a selector, either of which suffices.
func (p *parser) nativeSide(patternsKey, selectorKey string) *side {
	s := &side{globs: p.patterns(patternsKey, ParseNamespacePatterns)}
	if value, ok := p.annotations[selectorKey]; ok {
		selector, err := ParseSelector(value)
		switch {
		case err != nil:
			p.problem(selectorKey, err.Error())
		case selector.Empty():
			// To Kubernetes an empty selector is everything. Nobody writes that on purpose, and a template whose value
			// is missing writes it by accident.
			p.problem(selectorKey, fmt.Sprintf("is empty, which as a selector is every namespace: "+
				"write %s: \"*\" if that is meant, else remove the annotation", patternsKey))
		default:
			s.selector = selector
		}
	}
	return s
}

// nativeOptions reads the keys that may stand beside any dialect's.
func (p *parser) nativeOptions(policy *Policy) {
	policy.Exclude = p.patterns(Exclude, ParseNamespacePatterns)
	policy.CopyLabels = p.patterns(CopyLabels, ParseKeyPatterns).and(policy.CopyLabels)
	policy.CopyAnnotations = p.patterns(CopyAnnotations, ParseKeyPatterns)
	policy.AttachTo = p.patterns(AttachToServiceAccounts, ParseNamePatterns)

	if value, ok := p.annotations[TargetName]; ok {
		if len(validation.IsDNS1123Subdomain(value)) > 0 {
			p.problem(TargetName, "can't be an object's name: write at most 253 lower-case letters, digits, - and ., "+
				"with a letter or digit at both ends")
		} else {
			policy.TargetName = strings.Clone(value)
		}
	}
	if value, ok := p.annotations[Keys]; ok {
		keys, err := parseKeys(value)
		if err != nil {
			p.problem(Keys, err.Error())
		}
		policy.Keys = keys
	}
	switch value, ok := p.annotations[OnDelete]; {
	case !ok:
	case value == string(Remove), value == string(Keep):
		policy.OnDelete = Deletion(strings.Clone(value))
	default:
		p.problem(OnDelete, "is neither remove nor keep: write one of the two")
	}
	policy.SurvivesRecreation = p.boolean(SurvivesRecreation)
	policy.Paused = p.boolean(Paused)
}

// boolean reads a key that says true or false; false where it is absent or can't be read.
func (p *parser) boolean(key string) bool {
	value, err := parseBoolean(p.annotations, key)
	if err != nil {
		p.claims.Problems = append(p.claims.Problems, *err)
	}
	return value
}

func parseBoolean(annotations map[string]string, key string) (bool, *Problem) {
	switch value, ok := annotations[key]; {
	case !ok, value == "false":
		return false, nil
	case value == "true":
		return true, nil
	default:
		return false, &Problem{
			Key: key, Value: value, Reason: "is neither true nor false: write one of the two, in small letters",
		}
	}
}

// patterns reads a key that holds patterns; they are empty where the key is absent or can't be read.
func (p *parser) patterns(key string, parse func(string) (Patterns, error)) Patterns {
	value, ok := p.annotations[key]
	if !ok {
		return Patterns{}
	}
	patterns, err := parse(value)
	if err != nil {
		p.problem(key, "is not a list of patterns: "+err.Error())
		return Patterns{}
	}
	if patterns.OnlyNegated() {
		p.ignored("only takes away, and from nothing: add a pattern without a leading !, such as *", key)
	}
	return patterns
}

// parseKeys reads "a,b=c": a as it is, and b under the name c. The error is a clause about the value.
func parseKeys(s string) ([]KeyRename, error) {
	var keys []KeyRename
	from := make(map[string]string)
	for entry := range strings.SplitSeq(s, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		source, target, renamed := strings.Cut(entry, "=")
		source, target = strings.TrimSpace(source), strings.TrimSpace(target)
		if !renamed {
			target = source
		}
		for _, key := range []string{source, target} {
			if len(validation.IsConfigMapKey(key)) > 0 {
				return nil, fmt.Errorf("has the entry %s, in which %s can't be a data key: "+
					"those are at most 253 letters, digits, dots, dashes and underscores", clip(entry), clip(key))
			}
		}
		if other, ok := from[target]; ok {
			return nil, fmt.Errorf("writes the key %s twice, from %s and from %s: give one of them another name with =",
				clip(target), clip(other), clip(source))
		}
		from[target] = source
		keys = append(keys, KeyRename{From: strings.Clone(source), To: strings.Clone(target)})
	}
	if len(keys) == 0 {
		return nil, errors.New("names no data key: name some, or remove the annotation to mirror all of them")
	}
	return keys, nil
}
