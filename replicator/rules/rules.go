package rules

import (
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// Right is what a rule allows.
type Right string

// The rights.
const (
	// Push is to have replicas in a namespace.
	Push Right = "push"
	// Attach is to name replicas in the imagePullSecrets of ServiceAccounts.
	Attach Right = "attach"
	// Labels is to carry over labels and annotations whose key has a prefix. See [annotations.IsPrefixed].
	Labels Right = "labels"
)

// All are all rights, in the order in which the documentation lists them.
var All = []Right{Push, Attach, Labels}

// Namespace is what the rules look at of a namespace.
type Namespace struct {
	Name   string
	Labels map[string]string
}

// Rules are the rules that are in force. They are a value: nothing changes them. The nil Rules allow nothing.
type Rules struct {
	list []rule
}

type rule struct {
	sources, targets selection
	allow            []Right
}

// selection is patterns and a selector, either of which suffices.
type selection struct {
	patterns annotations.Patterns
	selector labels.Selector
}

func (s *selection) match(n Namespace) bool {
	return s.patterns.Match(n.Name) || s.selector != nil && s.selector.Matches(labels.Set(n.Labels))
}

// Grants are the rules that are about the sources in one namespace.
type Grants []*rule

// For returns what the rules say about the sources in a namespace.
func (r *Rules) For(source Namespace) Grants {
	if r == nil {
		return nil
	}
	var grants Grants
	for i := range r.list {
		if r.list[i].sources.match(source) {
			grants = append(grants, &r.list[i])
		}
	}
	return grants
}

// Allow reports whether any of the rules gives the right in a target namespace.
func (g Grants) Allow(right Right, target Namespace) bool {
	return slices.ContainsFunc(g, func(r *rule) bool {
		return slices.Contains(r.allow, right) && r.targets.match(target)
	})
}

// Gives reports whether any source may have the right in a target namespace, whatever the labels of the two are. The
// empty name stands for any target.
func (r *Rules) Gives(right Right, target string) bool {
	return r != nil && slices.ContainsFunc(r.list, func(x rule) bool {
		return slices.Contains(x.allow, right) &&
			(target == "" || x.targets.selector != nil || x.targets.patterns.Match(target))
	})
}

// Default returns the built-in rules: everyone may push, and only the sources in Mirrorball's own namespace may attach
// and carry over keys with a prefix.
func Default(own string) *Rules {
	all, self := selection{patterns: literal("*")}, selection{patterns: literal(own)}
	return &Rules{list: []rule{
		{sources: all, targets: all, allow: []Right{Push}},
		{sources: self, targets: all, allow: []Right{Attach, Labels}},
	}}
}

// literal is a pattern that can be read, or none.
func literal(pattern string) annotations.Patterns {
	p, _ := annotations.ParseNamespacePatterns(pattern)
	return p
}
