package annotations

import (
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

const reflectorPrefix = "reflector.v1.k8s.emberstack.com/"

// Reflector's keys, from the README of emberstack/kubernetes-reflector.
const (
	reflectorAllowed         = reflectorPrefix + "reflection-allowed"
	reflectorAllowedList     = reflectorPrefix + "reflection-allowed-namespaces"
	reflectorAllowedSelector = reflectorPrefix + "reflection-allowed-namespaces-selector"
	reflectorAuto            = reflectorPrefix + "reflection-auto-enabled"
	reflectorAutoList        = reflectorPrefix + "reflection-auto-namespaces"
	reflectorAutoSelector    = reflectorPrefix + "reflection-auto-namespaces-selector"
	reflectorReflects        = reflectorPrefix + "reflects"
	// Reflector writes these on its mirrors.
	reflectorAutoReflects = reflectorPrefix + "auto-reflects"
	reflectorVersion      = reflectorPrefix + "reflected-version"
	reflectorReflectedAt  = reflectorPrefix + "reflected-at"
)

var reflectorSourceKeys = []string{
	reflectorAllowed, reflectorAllowedList, reflectorAllowedSelector,
	reflectorAuto, reflectorAutoList, reflectorAutoSelector,
}

// reflectorPull reads "reflects" and reports whether the object is a mirror. It is one if Reflector can split the value
// into a namespace and a name, even if no object can have them: such an object pushes nothing.
func (p *parser) reflectorPull() bool {
	value := strings.TrimSpace(p.annotations[reflectorReflects])
	if !p.has(reflectorReflects) {
		return false
	}
	if value == "" || strings.Count(value, "/") > 1 {
		p.ignored("is not of the form namespace/name, so this is no mirror", reflectorReflects)
		return false
	}
	p.mirror = reflectorReflects
	namespace, name, _ := strings.Cut(value, "/")
	from, wrong := parseName(strings.TrimSpace(namespace) + "/" + strings.TrimSpace(name))
	switch {
	case wrong != "":
		p.ignored(wrong+", so this mirror has no source", reflectorReflects)
	case from == p.self:
		p.ignored("names the object itself, so this mirror has no source", reflectorReflects)
	case p.reflectorTrue(reflectorAutoReflects):
		p.claims.Mirror = &from
	default:
		p.claims.PullFrom = &Pull{From: from, Dialect: Reflector}
	}
	return true
}

func (p *parser) reflectorReach(policy *Policy) {
	// The lists are read whatever the booleans say, so that a problem with them is reported before it matters.
	allowed := p.reflectorSide(reflectorAllowedList, reflectorAllowedSelector)
	auto := p.reflectorSide(reflectorAutoList, reflectorAutoSelector)
	isAllowed, isAuto := p.reflectorTrue(reflectorAllowed), p.reflectorTrue(reflectorAuto)
	if isAllowed {
		policy.Pull = reachOf(allowed)
	} else if !p.has(reflectorAllowed) {
		p.ignored("has no effect without "+reflectorAllowed+`: "true"`, reflectorSourceKeys[1:]...)
	}
	if isAllowed && isAuto {
		policy.Push = reachOf(allowed, auto)
	}
}

// reflectorTrue reads a boolean as .NET does: "true" in any case, and white space around it, is true, and anything else
// is false. It is no Problem, because Reflector's users rely on that.
func (p *parser) reflectorTrue(key string) bool {
	value := strings.TrimSpace(p.annotations[key])
	if isTrue(value) {
		return true
	}
	if p.has(key) && !strings.EqualFold(value, "false") {
		p.ignored("is neither true nor false: it is taken for false, as Reflector does", key)
	}
	return false
}

// isTrue reads a boolean as .NET does.
func isTrue(value string) bool { return strings.EqualFold(strings.TrimSpace(value), "true") }

// reflectorSide reads a list of .NET regular expressions and a selector, either of which suffices. Where both are
// absent or blank it is every namespace. A list of nothing but commas is not blank and has no namespace.
func (p *parser) reflectorSide(listKey, selectorKey string) *side {
	list, selector := strings.TrimSpace(p.annotations[listKey]), strings.TrimSpace(p.annotations[selectorKey])
	s := &side{everything: list == "" && selector == ""}
	s.expressions = p.expressions(listKey, dotNetSyntax)
	if selector != "" {
		s.selector = p.reflectorSelector(selectorKey, selector)
	}
	return s
}

// reflectorSelector reads a selector as far as Reflector does: it knows no "<" and ">", and wants values in
// parentheses.
func (p *parser) reflectorSelector(key, value string) labels.Selector {
	selector, err := ParseSelector(value)
	if err != nil {
		p.problem(key, err.Error())
		return nil
	}
	requirements, _ := selector.Requirements()
	for _, r := range requirements {
		switch r.Operator() {
		case selection.GreaterThan, selection.LessThan:
			p.problem(key, "is not a label selector that Reflector reads: it has no < and >")
			return nil
		case selection.In, selection.NotIn:
			if r.Values().Len() == 1 && r.Values().Has("") {
				p.problem(key, "is not a label selector that Reflector reads: name some values between the parentheses")
				return nil
			}
		}
	}
	if selector.Empty() {
		p.problem(key, "is not a label selector: it has no requirement")
		return nil
	}
	return selector
}
