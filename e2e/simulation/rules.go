package simulation

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// The rules. A history that violates one is reported under its name.
const (
	// ruleLeak: content is written only where the source's policy, the namespace and the operator allow it.
	ruleLeak = "leak"
	// ruleStranger: objects that are no replicas are neither changed nor deleted.
	ruleStranger = "stranger"
	// ruleProtected: protected namespaces are not written to.
	ruleProtected = "protected"
	// ruleAbsent: a replica is not deleted while its source wants it, is frozen, or is missing for less than the grace.
	ruleAbsent = "absent"
	// ruleConverged: once faults end, every object becomes as the policies have it.
	ruleConverged = "converged"
	// ruleReach: a hostile tenant writes in no namespace but their own. It is about the history, not the controller.
	ruleReach = "reach"
	// ruleQuiet: nothing is written when nothing changed.
	ruleQuiet = "quiet"
	// ruleOwnership: no source loses a place to another that came later, through any rotation.
	ruleOwnership = "ownership"
	// ruleConsent: nothing is pushed, attached, labelled or named that the operator's rules bar.
	ruleConsent = "consent"
	// ruleBounded: nothing is remembered that nothing needs.
	ruleBounded = "bounded"
	// ruleAlive: no liveness check fails.
	ruleAlive = "alive"
	// ruleEndless: the numbers of writes and of requests are bounded.
	ruleEndless = "endless"
)

// sourceOf returns the source that a replica names.
func sourceOf(i *item) (place, bool) {
	namespace, name, ok := strings.Cut(i.Annotations[annotations.ReplicaOf], "/")
	if !ok {
		namespace, name = i.Labels[annotations.LabelSourceNamespace], i.Labels[annotations.LabelSourceName]
	}
	return at(i.kind, namespace, name), namespace != "" && name != ""
}

// isProtected reports whether nothing may be written in a namespace.
func (o *oracle) isProtected(namespace string) bool {
	return namespace == ownNamespace || o.protected.Match(namespace)
}

// wants reports whether a source pushes a replica into a namespace.
func (o *oracle) wants(m moment) bool {
	s, n := m.source, m.target
	if s == nil || n == nil || s.phase != active || n.name == s.Namespace || n.deleting || n.frozen || n.paused ||
		o.isProtected(n.name) || isReserved(s.kind, s.claims.Policy.ReplicaName(s.Name)) {
		return false
	}
	push, err := s.claims.Policy.PushesTo(n.name, n.labels)
	return push && err == nil && (n.accept == nil || n.accept.Match(s.Namespace)) && m.allows(rightPush)
}

// wantsNow reports whether a source pushes a replica into a namespace, by the rules in force.
func (o *oracle) wantsNow(s *view, n *namespace) bool { return o.wants(o.present(s, n)) }

func (o *oracle) permitsPull(s *view, n *namespace) bool {
	if s == nil || n == nil || s.phase != active || n.paused || o.isProtected(n.name) {
		return false
	}
	pull, err := s.claims.Policy.PullableBy(n.name, n.labels)
	return pull && err == nil
}

// selected returns the part of the source's data that goes into replicas.
func selected(s *view) map[string]string {
	if len(s.claims.Policy.Keys) == 0 {
		return s.data
	}
	out := map[string]string{}
	for _, k := range s.claims.Policy.Keys {
		out[k.To] = s.data[k.From]
	}
	return out
}

// wasPermitted reports whether a source has a permission, by any recent moment.
func (o *oracle) wasPermitted(x permission, now time.Time) bool {
	for _, s := range append(o.recentSources(x.source, now), o.items[x.source]) {
		if s == nil || s.phase != active {
			continue
		}
		for m := range o.circumstances(s, x.source, x.namespace, now) {
			if o.permits(m, x) {
				return true
			}
		}
	}
	return false
}

// recentSources returns the earlier states of a source that the controller may still act on.
func (o *oracle) recentSources(p place, now time.Time) (sources []*view) {
	for _, was := range o.pastSources[p] {
		if now.Sub(was.until) <= o.lag() {
			sources = append(sources, was)
		}
	}
	return sources
}

func (o *oracle) permits(m moment, x permission) bool {
	s := m.source
	if x.pull && !o.permitsPull(s, m.target) || !x.pull && !o.wants(m) {
		return false
	}
	return (x.pull || x.name == s.claims.Policy.ReplicaName(s.Name)) &&
		(x.token == "" || slices.Contains(tokensOf(selected(s)), x.token))
}

var token = regexp.MustCompile(`tok-\d+-[a-z]+\.`)

func tokensOf(data map[string]string) []string {
	var all []string
	for _, v := range data {
		all = append(all, token.FindAllString(v, -1)...)
	}
	return all
}

// record returns the controller's record of a source: its policy, its annotations, and the ConfigMap.
func (o *oracle) record(s place) (*annotations.Policy, map[string]string, *item) {
	for p, v := range o.items {
		if p.Namespace != ownNamespace || !isRecord(v.item) {
			continue
		}
		if v.data["kind"] == string(s.kind) && v.data["namespace"] == s.Namespace && v.data["name"] == s.Name {
			remembered := parseRemembered(v.data["annotations"])
			if policy := annotations.Parse(s.Namespace, s.Name, remembered).Policy; policy != nil {
				return policy, remembered, v.item
			}
		}
	}
	return &annotations.Policy{}, nil, nil
}

// mustKeep reports whether a replica must not be deleted. It is false where the controller can't always know.
func (o *oracle) mustKeep(source, p place, m moment, now time.Time) bool {
	return !o.isAmbiguous(source, p) && o.mustExist(source, p, m, now)
}

// confirmedLag is how old a state may be that the controller reads again right before it acts: as long as some slow
// requests take.
const confirmedLag = 15 * time.Second

// updateRemovable notes whether it is right at the moment to delete a replica.
func (o *oracle) updateRemovable(source, p place, now time.Time) {
	for m := range o.circumstances(o.items[source], source, p.Namespace, now) {
		switch {
		case o.mustKeep(source, p, m, now):
		case !o.becauseOfNamespace(m):
			o.removableAt[replicaKey{source, p}] = now
			return
		case !m.isOutdated(now):
			o.removableNowAt[replicaKey{source, p}] = now
		}
	}
}

// becauseOfNamespace reports whether the reason that a source wants no replica may be a namespace: its labels, what it
// accepts, or what the rules say of its labels or of those of the source's namespace. The controller reads these again
// before it removes a replica.
func (o *oracle) becauseOfNamespace(m moment) bool {
	if m.source == nil || m.source.phase != active || m.target == nil {
		return false
	}
	return m.source.claims.Policy.SelectsByLabel() || !m.allows(rightPush) ||
		m.target.accept != nil && !m.target.accept.Match(m.source.Namespace)
}

// isOutdated reports whether one of the namespaces has not been so for longer than what is read again may be old.
func (m moment) isOutdated(now time.Time) bool {
	for _, n := range []*namespace{m.target, m.home} {
		if n != nil && !n.until.IsZero() && now.Sub(n.until) > confirmedLag {
			return true
		}
	}
	return false
}

// recentNamespaces returns a namespace's state, and the earlier ones that the controller may still act on.
func (o *oracle) recentNamespaces(name string, now time.Time) []*namespace {
	states := []*namespace{o.namespaces[name]}
	for _, was := range o.pastNamespaces[name] {
		if now.Sub(was.until) <= o.lag() {
			states = append(states, was)
		}
	}
	return states
}

// isAmbiguous reports whether a source was created again without a policy, and the controller started, or the replica
// was created, after that. Without knowledge of the former object, the controller can't always tell this from
// annotations that were removed.
func (o *oracle) isAmbiguous(source, p place) bool {
	s, m, r := o.items[source], o.missing[source], o.items[p]
	return s != nil && s.phase == none && m != nil &&
		(o.started.After(m.missingSince) || r != nil && !r.CreationTimestamp.Time.Before(s.CreationTimestamp.Time))
}

// mustExist reports whether a replica must exist: its source wants it, can't be read, or is missing for less than the
// grace.
func (o *oracle) mustExist(source, p place, at moment, now time.Time) bool {
	if at.target == nil || at.target.deleting || at.target.paused || source == p {
		return true
	}
	s := at.source
	if s != nil && s.phase == held {
		return true
	}
	if s != nil && s.phase == active {
		return o.keptBy(at, p)
	}
	m := o.missing[source]
	policy, _, record := o.record(source)
	if s != nil {
		switch {
		case m == nil, m.uid == s.UID:
			return false // the same object: its annotations were removed
		case o.survives(s, policy, record):
			return true
		}
	}
	if m == nil {
		return false
	}
	if now.Sub(m.missingSince) < o.settings.Grace {
		return true
	}
	// Of a source that was frozen or refused last there is no record, though the process may know it: either is right.
	// So it is where the record is older than the last annotations, which said to remove the replicas.
	return m.phase == active && m.keep && record != nil && policy.OnDelete == annotations.Keep
}

// keptBy reports whether an active source keeps the replica at p.
func (o *oracle) keptBy(m moment, p place) bool {
	return m.target.frozen || m.target.paused || o.wants(m) && m.source.claims.Policy.ReplicaName(m.source.Name) == p.Name
}

// needsRecreation reports whether a replica can follow its source only by being deleted and created again.
func (o *oracle) needsRecreation(source place, v *view) bool {
	s := o.items[source]
	return s != nil && (v.immutable || s.kindType != v.kindType) && o.wantsNow(s, o.namespaces[v.Namespace]) &&
		s.claims.Policy.ReplicaName(source.Name) == v.Name
}

// survives reports whether a source was created again such that its recorded policy goes on.
func (o *oracle) survives(s *view, policy *annotations.Policy, record *item) bool {
	return o.restorable(s, policy, record) && record.data["uid"] != string(s.UID)
}

// emptied reports whether a source was replaced, as the same object, by a manifest without any of its annotations.
func (o *oracle) emptied(s *view, policy *annotations.Policy, record *item) bool {
	return o.restorable(s, policy, record) && record.data["uid"] == string(s.UID) &&
		len(annotations.PolicyAnnotations(s.Annotations)) == 0
}

// restorable reports whether the recorded policy may be written onto an object.
func (o *oracle) restorable(s *view, policy *annotations.Policy, record *item) bool {
	return record != nil && policy.SurvivesRecreation && record.data["type"] == s.kindType &&
		takesPolicy(s, record) && !slices.Contains(refused, s.kindType) && !s.labelled() &&
		s.Annotations[annotations.ReplicaOf] == "" && !o.isProtected(s.Namespace) && s.phase == none &&
		s.claims.PullFrom == nil && s.claims.Mirror == nil && s.claims.PushedVersion == ""
}

// takesPolicy reports whether the recorded policy would be in force beside the object's own annotations.
func takesPolicy(s *view, record *item) bool {
	both := *s.item
	both.Annotations = map[string]string{}
	maps.Copy(both.Annotations, s.Annotations)
	maps.Copy(both.Annotations, parseRemembered(record.data["annotations"]))
	claims := both.claims()
	return claims.Policy != nil && len(claims.Problems) == 0
}
