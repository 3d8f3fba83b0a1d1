package simulation

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
)

// oracle checks each committed write against the rules, with the object's states before and after. It shares no code
// with the controller but the parser of annotations.
type oracle struct {
	mu        sync.Mutex
	settings  Settings
	log       func(string)
	violation string
	// stop is closed when a rule is violated.
	stop   chan struct{}
	rule   string
	writes int

	items      map[place]*view
	namespaces map[string]*namespace
	// pastNamespaces and pastSources are earlier states, which the controller may still act on while its watches lag.
	pastNamespaces map[string][]*namespace
	pastSources    map[place][]*view
	accounts       map[types.NamespacedName]*corev1.ServiceAccount
	// missing are sources that are gone or have no policy any more.
	missing map[place]*missingSource
	// removableAt is when it was last right to delete a replica, and removableNowAt when it was because of a namespace.
	removableAt, removableNowAt map[replicaKey]time.Time
	// recreatableAt is when a replica last could not be updated in place.
	recreatableAt map[replicaKey]time.Time
	// spans are the times in which an object in a place was a source.
	spans map[place][]span
	// recreating are the places whose replica was deleted last by a controller, to be made again.
	recreating map[place]recreated
	// spoke are the places in which an object said something to Mirrorball.
	spoke map[place]bool
	// rules are those in force, pastRules those before; unreadable says that the newest document is not in force.
	rules      *document
	pastRules  []pastRules
	unreadable bool
	// hostile says that a step of a hostile tenant's is being done.
	hostile bool
	// lastFault is when a fault profile other than none was last in force, started when a process last started.
	lastFault, started time.Time
	// startedAt is when each process began to watch; of one that waits for the lease first, when it first wrote.
	startedAt map[string]time.Time
	// ledAt is when each process began to lead: with its start, or with the lease.
	ledAt     map[string]time.Time
	protected annotations.Patterns
}

// view is an item with its parsed annotations.
type view struct {
	*item
	claims annotations.Claims
	phase  phase
	// from is when its policy became what it is, and until when this state ended.
	from, until time.Time
}

// phase is what an object is as a source.
type phase uint8

const (
	none phase = iota // without a policy
	held              // frozen or refused
	active
)

type namespace struct {
	name   string
	labels map[string]string
	accept *annotations.Patterns
	// frozen says that an annotation can't be read, paused that one says so.
	frozen, paused bool
	// acceptAttach are the namespaces whose replicas may be attached; attachFrozen says that it can't be read.
	acceptAttach annotations.Patterns
	attachFrozen bool
	deleting     bool
	// until is when this state ended.
	until time.Time
}

// missingSource is what a source was when it last had a policy.
type missingSource struct {
	uid          types.UID
	missingSince time.Time
	// phase is its last one; keep says that its annotations then said to keep the replicas.
	phase phase
	keep  bool
	// last is what it was.
	last *view
}

// permission is that of a source to have its content, or one value of it, in a namespace.
type permission struct {
	source    place
	namespace string
	// name is that of the replicas; empty where pull is set.
	name string
	pull bool
	// token marks the value; empty for the object as a whole.
	token string
}

// replicaKey is a replica of a source in a place.
type replicaKey struct{ source, at place }

func newOracle(s Settings, log func(string)) *oracle {
	return &oracle{
		settings: s, log: log, stop: make(chan struct{}), protected: patternsOf("kube-*"),
		items: map[place]*view{}, namespaces: map[string]*namespace{},
		pastNamespaces: map[string][]*namespace{}, pastSources: map[place][]*view{},
		accounts:    map[types.NamespacedName]*corev1.ServiceAccount{},
		missing:     map[place]*missingSource{},
		removableAt: map[replicaKey]time.Time{}, removableNowAt: map[replicaKey]time.Time{},
		recreatableAt: map[replicaKey]time.Time{},
		spans:         map[place][]span{}, recreating: map[place]recreated{}, spoke: map[place]bool{},
		startedAt: map[string]time.Time{}, ledAt: map[string]time.Time{}, rules: builtInRules,
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
	return o.violation == ""
}

// violate records a violation. The first one counts.
func (o *oracle) violate(rule, text string) {
	if o.violation == "" {
		o.rule, o.violation = rule, text
		close(o.stop)
		o.log("VIOLATION (" + rule + "): " + text)
	}
}

// setFaultProfile records the fault profile, on which it depends how far the controller's watches may lag.
func (o *oracle) setFaultProfile(p FaultProfile) {
	o.locked(func() {
		o.lastFault = time.Now()
		if p != NoFaults {
			o.lastFault = time.Now().Add(1000 * time.Hour)
		}
	})
}

// lag returns how old the state may be that the controller acts on.
func (o *oracle) lag() time.Duration {
	if time.Since(o.lastFault) > 5*time.Minute {
		return 5 * time.Second
	}
	return 5 * time.Minute
}

// commit is called with each committed write.
func (o *oracle) commit(c apiservertest.Change) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	mine := strings.HasPrefix(c.By, processPrefix)
	for p, v := range o.items {
		s, ok := sourceOf(v.item)
		if !ok || !v.isPushed() {
			continue
		}
		o.updateRemovable(s, p, now)
		if o.needsRecreation(s, v) {
			o.recreatableAt[replicaKey{s, p}] = now
		}
	}
	if mine {
		if _, known := o.startedAt[c.By]; !known && c.Resource != "leases" {
			o.startedAt[c.By] = now
		}
		o.checkWrite(&c, now)
	} else {
		delete(o.recreating, placeOf(&c))
		if o.hostile && !slices.Contains(hostileNamespaces, c.Object().GetNamespace()) {
			o.violate(ruleReach, c.Resource+" "+c.Object().GetName()+" was written by a hostile tenant")
		}
	}
	o.update(&c, now)
}

// update applies a write to the oracle's state.
func (o *oracle) update(c *apiservertest.Change, now time.Time) {
	switch c.Resource {
	case "secrets", "configmaps":
		o.updateItem(c, now)
	case "namespaces":
		if was := o.namespaces[c.Object().GetName()]; was != nil {
			was.until = now
			o.pastNamespaces[was.name] = append(o.pastNamespaces[was.name], was)
		}
		if ns, ok := c.After.(*corev1.Namespace); ok {
			n := &namespace{name: ns.Name, labels: ns.Labels, deleting: ns.DeletionTimestamp != nil}
			accept, problem := annotations.ParseAcceptFrom(ns.Annotations)
			n.accept, n.frozen = accept, problem != nil
			n.paused, _ = annotations.ParsePaused(ns.Annotations)
			n.acceptAttach, problem = annotations.ParseAcceptAttachFrom(ns.Annotations)
			n.attachFrozen = problem != nil
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

func (o *oracle) updateItem(c *apiservertest.Change, now time.Time) {
	i := itemOf(c.Object())
	p := i.place()
	was := o.items[p]
	if was != nil && was.phase == active {
		was.until = now
		o.pastSources[p] = append(o.pastSources[p], was)
	}
	if p == rulesPlace {
		o.updateRules(itemOf(c.After), now)
	}
	if c.After == nil {
		delete(o.items, p)
	} else {
		is := newView(i)
		if is.from = now; was != nil && was.phase == is.phase && was.UID == is.UID &&
			was.claims.Policy.Equal(is.claims.Policy) {
			is.from = was.from
		}
		o.items[p] = is
		o.spoke[p] = o.spoke[p] || is.speaks()
	}
	o.updateSpans(p, was, o.items[p], now)
	switch is := o.items[p]; {
	case is != nil && is.phase != none:
		delete(o.missing, p)
	case was != nil && was.phase != none:
		policy := was.claims.Policy
		o.missing[p] = &missingSource{
			uid: was.UID, missingSince: now, phase: was.phase, last: was,
			keep: policy != nil && policy.OnDelete == annotations.Keep,
		}
	}
}

var refused = []string{"kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token", "helm.sh/release.v1"}

func newView(i *item) *view {
	v := &view{item: i, claims: i.claims()}
	switch p := v.claims.Policy; {
	case len(v.claims.Problems) > 0:
		v.phase = held
	case p == nil:
	case i.labelled(), slices.Contains(refused, i.kindType), !hasKeys(i, p), p.Paused:
		v.phase = held
	default:
		v.phase = active
	}
	return v
}

// placeOf returns where a Secret or a ConfigMap was written; zero for other objects.
func placeOf(c *apiservertest.Change) place {
	if i := itemOf(c.Object()); i != nil {
		return i.place()
	}
	return place{}
}

func hasKeys(i *item, p *annotations.Policy) bool {
	for _, k := range p.Keys {
		if _, ok := i.data[k.From]; !ok {
			return false
		}
	}
	return true
}

func (o *oracle) describeChange(c *apiservertest.Change) string {
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
		if s, ok := sourceOf(i); ok && i.labelled() {
			text += " (" + i.mode() + " replica of " + s.NamespacedName.String() + ")"
		}
	}
	if e, ok := c.After.(*eventsv1.Event); ok {
		text = fmt.Sprintf("   %s records an event on %s/%s: %s: %s", c.By, e.Regarding.Namespace, e.Regarding.Name,
			e.Reason, e.Note)
	}
	return text + fmt.Sprintf(" @%d", c.Version)
}
