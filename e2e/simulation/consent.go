package simulation

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	eventsv1 "k8s.io/api/events/v1"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// moment is what the controller may act on: a state of the source, of the target namespace, of the source's own and of
// the operator's rules. The watches lag independently, so that any recent states can come together.
type moment struct {
	source       *view
	target, home *namespace
	rules        *document
}

// circumstances returns the recent moments at a target namespace of a source whose state is given.
func (o *oracle) circumstances(s *view, source place, target string, now time.Time) iter.Seq[moment] {
	targets, homes := o.recentNamespaces(target, now), o.recentNamespaces(source.Namespace, now)
	rules := o.recentRules(now)
	return func(yield func(moment) bool) {
		for _, n := range targets {
			for _, home := range homes {
				for _, r := range rules {
					if !yield(moment{s, n, home, r}) {
						return
					}
				}
			}
		}
	}
}

// present is the moment that the API server itself shows.
func (o *oracle) present(s *view, n *namespace) moment {
	m := moment{source: s, target: n, rules: o.rules}
	if s != nil {
		m.home = o.namespaces[s.Namespace]
	}
	return m
}

// recentRules are the rules in force, and those before that the controller may still act on.
func (o *oracle) recentRules(now time.Time) []*document {
	all := []*document{o.rules}
	for _, was := range o.pastRules {
		if now.Sub(was.until) <= o.lag() && !slices.Contains(all, was.document) {
			all = append(all, was.document)
		}
	}
	return all
}

// pastRules are rules that were in force until some time.
type pastRules struct {
	*document
	until time.Time
}

// updateRules takes in a change of the document of the rules. What can't be read does not come into force.
func (o *oracle) updateRules(i *item, now time.Time) {
	d := documentOf(i)
	o.unreadable = d == nil
	if d != nil && d != o.rules {
		o.pastRules = append(o.pastRules, pastRules{o.rules, now})
		o.rules = d
	}
}

func (o *oracle) documentUnreadable() (unreadable bool) {
	o.locked(func() { unreadable = o.unreadable })
	return unreadable
}

// allows reports whether the rules give a right, or the namespace does.
func (m moment) allows(right string) bool {
	if m.source == nil || m.target == nil {
		return false
	}
	return m.rules.allows(right, m.home, m.source.Namespace, m.target) ||
		right == rightAttach && m.target.acceptAttach.Match(m.source.Namespace)
}

// everAllows reports whether a right was given by any recent moment.
func (o *oracle) everAllows(right string, source place, target string, now time.Time) bool {
	s := &view{item: &item{}}
	s.Namespace = source.Namespace
	for m := range o.circumstances(s, source, target, now) {
		if m.allows(right) {
			return true
		}
	}
	return false
}

// isReserved reports whether nothing may be pushed onto a name.
func isReserved(kind annotations.Kind, name string) bool {
	return kind == annotations.ConfigMap && slices.Contains(reserved, name)
}

// isOthers reports whether a label or an annotation belongs to another system.
func isOthers(key string) bool {
	prefix, name, ok := strings.Cut(key, "/")
	switch {
	case !ok, prefix+"/" == annotations.Prefix, prefix+"/" == reflector, prefix+"/" == replicatorV:
		return false
	case prefix == "app.kubernetes.io":
		return name == "instance"
	}
	return true
}

// checkConsent checks that a replica that is written has no name, and no label or annotation that is new on it, that
// the operator's rules bar.
func (o *oracle) checkConsent(before, after *item, p, s place, now time.Time) {
	if isReserved(p.kind, p.Name) {
		o.violate(ruleConsent, p.String()+" was written, whose name is reserved")
	}
	if before == nil {
		before = &item{}
	}
	for _, side := range [][2]map[string]string{{before.Labels, after.Labels}, {before.Annotations, after.Annotations}} {
		for key, value := range side[1] {
			if was, ok := side[0][key]; ok && was == value || !isOthers(key) {
				continue
			}
			if !o.everAllows(rightLabels, s, p.Namespace, now) {
				o.violate(ruleConsent, fmt.Sprintf("%s was given %s, which the rules do not allow %s", p, key, s))
			}
		}
	}
}

// refusal returns the rule that bars what was not permitted: consent where it would have been but for the operator's
// rules.
func (o *oracle) refusal(x permission, now time.Time) string {
	rules, past := o.rules, o.pastRules
	defer func() { o.rules, o.pastRules = rules, past }()
	o.rules, o.pastRules = openRules, nil
	if o.wasPermitted(x, now) {
		return ruleConsent
	}
	return ruleLeak
}

// checkEvent checks that a Warning is recorded on nothing that never said anything to Mirrorball.
func (o *oracle) checkEvent(e *eventsv1.Event) {
	p := at(annotations.Kind(e.Regarding.Kind), e.Regarding.Namespace, e.Regarding.Name)
	if token.MatchString(e.Note) {
		o.violate(ruleLeak, "an event has content in its note: "+e.Note)
	}
	if e.Type == "Warning" && p.Namespace != ownNamespace && !o.spoke[p] {
		o.violate(ruleStranger, "a Warning was recorded on "+p.String()+", which has nothing to do with Mirrorball")
	}
}

// speaks reports whether an object says something to Mirrorball.
func (i *item) speaks() bool {
	for key := range i.Annotations {
		for _, prefix := range []string{annotations.Prefix, reflector, replicatorV} {
			if strings.HasPrefix(key, prefix) {
				return true
			}
		}
	}
	return i.labelled()
}
