package simulation

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/replicator/simulation/apiserver"
)

// The rules, by which a history that breaks one is known.
const (
	ruleLeak      = "leak"      // content goes only where its source's policy sends it
	ruleStranger  = "stranger"  // what is no replica is neither changed nor deleted
	ruleProtected = "protected" // protected namespaces are not written to
	ruleAbsent    = "absent"    // a replica is not removed while its source wants it, or may be coming back
	ruleConverged = "converged" // in the end every object is as it has to be
	ruleQuiet     = "quiet"     // nothing is written when nothing changed
	ruleEndless   = "endless"   // a history ends
)

// oracle sees each write before and after, and knows the rules. It shares nothing with the controller but the
// vocabulary of the annotations.
type oracle struct {
	mu       sync.Mutex
	settings Settings
	tell     func(string)
	broken   string
	// stop is closed when a rule was broken.
	stop   chan struct{}
	rule   string
	writes int

	items      map[place]*view
	namespaces map[string]*namespace
	// past and former are what namespaces and sources were before, for a controller that has not heard of the change yet.
	past     map[string][]*namespace
	former   map[place][]*view
	accounts map[types.NamespacedName]*corev1.ServiceAccount
	// vanished is what is known of sources that are gone or have no policy any more.
	vanished map[place]*memory
	// versions are the resourceVersions that each object had.
	versions map[place]map[string]bool
	// unkept is when a replica last was one that may be removed.
	unkept map[standing]time.Time
	// unfit is when a replica last was one that can't be changed in place.
	unfit map[standing]time.Time
	// rough is when the API last was anything but calm, started when a process last began.
	rough, started time.Time
	barred         annotations.Patterns
}

// view is an item with what its annotations come to.
type view struct {
	*item
	claims annotations.Claims
	life   life
	// until is when it was changed.
	until time.Time
}

// life is what an object is as a source.
type life uint8

const (
	none life = iota // it has no policy
	held             // it has one, but is frozen or refused
	active
)

type namespace struct {
	name     string
	labels   map[string]string
	accept   *annotations.Patterns
	frozen   bool
	deleting bool
	// until is when it was changed.
	until time.Time
}

// memory is what a source was when it still had a policy.
type memory struct {
	uid   types.UID
	since time.Time
	// life is what it was last, keep that its annotations then said to keep the replicas.
	life life
	keep bool
}

// permission is that a source's content, or one value of it, may be written into a namespace.
type permission struct {
	source    place
	namespace string
	// name is the replicas' name; empty for pulling.
	name string
	pull bool
	// token is the value; empty for the object as such.
	token string
}

// standing is a replica of a source in a place.
type standing struct{ source, at place }

func newOracle(s Settings, tell func(string)) *oracle {
	return &oracle{
		settings: s, tell: tell, stop: make(chan struct{}), barred: protectedPatterns(),
		items: map[place]*view{}, namespaces: map[string]*namespace{},
		past: map[string][]*namespace{}, former: map[place][]*view{},
		accounts: map[types.NamespacedName]*corev1.ServiceAccount{},
		vanished: map[place]*memory{}, versions: map[place]map[string]bool{},
		unkept: map[standing]time.Time{}, unfit: map[standing]time.Time{},
	}
}

func (o *oracle) locked(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
}

func (o *oracle) ok() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.broken == ""
}

// breaks notes that a rule was broken; the first time counts.
func (o *oracle) breaks(rule, text string) {
	if o.broken == "" {
		o.rule, o.broken = rule, text
		close(o.stop)
		o.tell("BROKEN (" + rule + "): " + text)
	}
}

// weather notes how the API fares, which decides how old the controller's view may be.
func (o *oracle) weather(w Weather) {
	o.locked(func() {
		o.rough = time.Now()
		if w != Calm {
			o.rough = time.Now().Add(1000 * time.Hour)
		}
	})
}

// lag is how old a view may be that the controller acts on.
func (o *oracle) lag() time.Duration {
	if time.Since(o.rough) > 5*time.Minute {
		return 5 * time.Second
	}
	return 5 * time.Minute
}

// commit is told of each write.
func (o *oracle) commit(c apiserver.Change) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	mine := strings.HasPrefix(c.By, processPrefix)
	for p, v := range o.items {
		s, ok := named(v.item)
		if !ok || v.mode() != annotations.ReplicaPush {
			continue
		}
		for _, n := range o.lately(p.Namespace, now) {
			if !o.keeps(s, p, n, now) {
				o.unkept[standing{s, p}] = now
			}
		}
		if o.replaceable(s, v) {
			o.unfit[standing{s, p}] = now
		}
	}
	if mine {
		o.judge(&c, now)
	}
	o.take(&c, now)
}

// take brings the oracle's picture up to date.
func (o *oracle) take(c *apiserver.Change, now time.Time) {
	switch c.Resource {
	case "secrets", "configmaps":
		o.takeItem(c, now)
	case "namespaces":
		if was := o.namespaces[c.Object().GetName()]; was != nil {
			was.until = now
			o.past[was.name] = append(o.past[was.name], was)
		}
		if ns, ok := c.After.(*corev1.Namespace); ok {
			n := &namespace{name: ns.Name, labels: ns.Labels, deleting: ns.DeletionTimestamp != nil}
			accept, problem := annotations.ParseAcceptFrom(ns.Annotations)
			n.accept, n.frozen = accept, problem != nil
			o.namespaces[ns.Name] = n
		} else {
			delete(o.namespaces, c.Before.GetName())
		}
	case "serviceaccounts":
		n := types.NamespacedName{Namespace: c.Object().GetNamespace(), Name: c.Object().GetName()}
		if sa, ok := c.After.(*corev1.ServiceAccount); ok {
			o.accounts[n] = sa
		} else {
			delete(o.accounts, n)
		}
	}
}

func (o *oracle) takeItem(c *apiserver.Change, now time.Time) {
	i := itemOf(c.Object())
	p := i.place()
	was := o.items[p]
	if was != nil && was.life == active {
		was.until = now
		o.former[p] = append(o.former[p], was)
	}
	if c.After == nil {
		delete(o.items, p)
	} else {
		o.items[p] = newView(i)
		if o.versions[p] == nil {
			o.versions[p] = map[string]bool{}
		}
		o.versions[p][i.ResourceVersion] = true
	}
	switch is := o.items[p]; {
	case is != nil && is.life != none:
		delete(o.vanished, p)
	case was != nil && was.life != none:
		policy := was.claims.Policy
		o.vanished[p] = &memory{
			uid: was.UID, since: now, life: was.life, keep: policy != nil && policy.OnDelete == annotations.Keep,
		}
	}
}

var refused = []string{"kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token", "helm.sh/release.v1"}

func newView(i *item) *view {
	v := &view{item: i, claims: i.claims()}
	switch p := v.claims.Policy; {
	case len(v.claims.Problems) > 0:
		v.life = held
	case p == nil:
	case i.labelled(), slices.Contains(refused, i.kindType), !hasKeys(i, p):
		v.life = held
	default:
		v.life = active
	}
	return v
}

func hasKeys(i *item, p *annotations.Policy) bool {
	for _, k := range p.Keys {
		if _, ok := i.data[k.From]; !ok {
			return false
		}
	}
	return true
}

// named is the source that a replica names.
func named(i *item) (place, bool) {
	namespace, name, ok := strings.Cut(i.Annotations[annotations.ReplicaOf], "/")
	if !ok {
		namespace, name = i.Labels[annotations.LabelSourceNamespace], i.Labels[annotations.LabelSourceName]
	}
	return at(i.kind, namespace, name), namespace != "" && name != ""
}

// guarded says that nothing may be written in a namespace.
func (o *oracle) guarded(namespace string) bool { return namespace == own || o.barred.Match(namespace) }

// wants says whether a source is to have a replica in a namespace.
func (o *oracle) wants(s *view, n *namespace) bool {
	if s == nil || n == nil || s.life != active || n.name == s.Namespace || n.deleting || n.frozen || o.guarded(n.name) {
		return false
	}
	push, err := s.claims.Policy.PushesTo(n.name, n.labels)
	return push && err == nil && (n.accept == nil || n.accept.Match(s.Namespace))
}

func (o *oracle) feeds(s *view, n *namespace) bool {
	if s == nil || n == nil || s.life != active || o.guarded(n.name) {
		return false
	}
	pull, err := s.claims.Policy.PullableBy(n.name, n.labels)
	return pull && err == nil
}

// selected is what of the source's data goes into replicas.
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

// permitted says whether a source gives a permission, going by what it and the namespace are or were within the
// controller's lag, each by itself: their news comes by streams of their own.
func (o *oracle) permitted(x permission, now time.Time) bool {
	for _, s := range append(o.formerly(x.source, now), o.items[x.source]) {
		for _, n := range o.lately(x.namespace, now) {
			if o.grants(s, n, x) {
				return true
			}
		}
	}
	return false
}

// formerly is what a source was within the controller's lag.
func (o *oracle) formerly(p place, now time.Time) (sources []*view) {
	for _, was := range o.former[p] {
		if now.Sub(was.until) <= o.lag() {
			sources = append(sources, was)
		}
	}
	return sources
}

func (o *oracle) grants(s *view, n *namespace, x permission) bool {
	if x.pull && !o.feeds(s, n) || !x.pull && !o.wants(s, n) {
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

// record is what Mirrorball itself remembers of a source.
func (o *oracle) record(s place) (annotations.Policy, map[string]string, *item) {
	for p, v := range o.items {
		if p.Namespace != own || !isRecord(v.item) {
			continue
		}
		if v.data["kind"] == string(s.kind) && v.data["namespace"] == s.Namespace && v.data["name"] == s.Name {
			remembered := parseRemembered(v.data["annotations"])
			if policy := annotations.Parse(s.Namespace, s.Name, remembered).Policy; policy != nil {
				return *policy, remembered, v.item
			}
		}
	}
	return annotations.Policy{}, nil, nil
}

// keeps says whether a replica must not be removed: its source wants it, or may be coming back, or can't be read. Where
// the controller can't always know, it is false.
func (o *oracle) keeps(source, p place, n *namespace, now time.Time) bool {
	return !o.unsure(source, p) && o.stays(source, p, n, now)
}

// lately is what a namespace is, and what it was within the controller's lag.
func (o *oracle) lately(name string, now time.Time) []*namespace {
	states := []*namespace{o.namespaces[name]}
	for _, was := range o.past[name] {
		if now.Sub(was.until) <= o.lag() {
			states = append(states, was)
		}
	}
	return states
}

// unsure says that a source was made again without a policy, and the controller or the replica after that: not knowing
// the object that had the policy, the controller can't always tell this from a policy that was taken away.
func (o *oracle) unsure(source, p place) bool {
	s, m, r := o.items[source], o.vanished[source], o.items[p]
	return s != nil && s.life == none && m != nil &&
		(o.started.After(m.since) || r != nil && !r.CreationTimestamp.Time.Before(s.CreationTimestamp.Time))
}

// stays says whether a replica has to be there, for all that can be known.
func (o *oracle) stays(source, p place, n *namespace, now time.Time) bool {
	if n == nil || n.deleting || source == p {
		return true
	}
	s := o.items[source]
	if s != nil && s.life == held {
		return true
	}
	if s != nil && s.life == active {
		return o.holds(s, p, n)
	}
	m := o.vanished[source]
	policy, _, record := o.record(source)
	if s != nil {
		switch {
		case m == nil, m.uid == s.UID:
			return false // its owner took the policy away
		case o.survives(s, &policy, record):
			return true
		}
	}
	if m == nil {
		return false
	}
	if now.Sub(m.since) < o.settings.Grace {
		return true
	}
	// What was frozen or refused last is not remembered, though it may be known: with that, either is right.
	return m.life == active && record != nil && policy.OnDelete == annotations.Keep
}

// holds says whether an active source has the replica stay.
func (o *oracle) holds(s *view, p place, n *namespace) bool {
	return n.frozen || o.wants(s, n) && s.claims.Policy.ReplicaName(s.Name) == p.Name
}

// replaceable says whether a replica has to be removed and made again to be what its source wants.
func (o *oracle) replaceable(source place, v *view) bool {
	s := o.items[source]
	return s != nil && (v.immutable || s.kindType != v.kindType) && o.wants(s, o.namespaces[v.Namespace]) &&
		s.claims.Policy.ReplicaName(source.Name) == v.Name
}

// survives says that a source was made again such that it goes on under the policy that is remembered.
func (o *oracle) survives(s *view, policy *annotations.Policy, record *item) bool {
	return o.restorable(s, policy, record) && record.data["uid"] != string(s.UID)
}

// emptied says that a source was replaced, as the same object, by a manifest without any of its annotations.
func (o *oracle) emptied(s *view, policy *annotations.Policy, record *item) bool {
	return o.restorable(s, policy, record) && record.data["uid"] == string(s.UID) &&
		len(annotations.PolicyAnnotations(s.Annotations)) == 0
}

// restorable says that the policy that is remembered may be written onto an object.
func (o *oracle) restorable(s *view, policy *annotations.Policy, record *item) bool {
	return record != nil && policy.SurvivesRecreation && record.data["type"] == s.kindType && carries(s, record) &&
		!slices.Contains(refused, s.kindType) && !s.labelled() &&
		!o.guarded(s.Namespace) && s.life == none && s.claims.PullFrom == nil && s.claims.Mirror == nil &&
		s.claims.PushedVersion == ""
}

// carries says that the remembered policy would be in force beside the annotations that the object has.
func carries(s *view, record *item) bool {
	both := *s.item
	both.Annotations = map[string]string{}
	maps.Copy(both.Annotations, s.Annotations)
	maps.Copy(both.Annotations, parseRemembered(record.data["annotations"]))
	claims := both.claims()
	return claims.Policy != nil && len(claims.Problems) == 0
}

func (o *oracle) noteOf(c *apiserver.Change) string {
	verb := "changed"
	switch {
	case c.Before == nil:
		verb = "created"
	case c.After == nil:
		verb = "deleted"
	}
	object := c.Object()
	where := object.GetName()
	if object.GetNamespace() != "" {
		where = object.GetNamespace() + "/" + where
	}
	text := fmt.Sprintf("   %s %s %s %s", c.By, verb, strings.TrimSuffix(c.Resource, "s"), where)
	if i := itemOf(c.After); c.After != nil && i != nil {
		if s, ok := named(i); ok && i.labelled() {
			text += " (" + i.mode() + " replica of " + s.NamespacedName.String() + ")"
		}
	}
	if e, ok := c.After.(*eventsv1.Event); ok {
		text = fmt.Sprintf("   %s says of %s/%s: %s: %s", c.By, e.Regarding.Namespace, e.Regarding.Name, e.Reason, e.Note)
	}
	return text + fmt.Sprintf(" @%d", c.Version)
}
