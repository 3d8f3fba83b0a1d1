package simulation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
)

// checkWrite checks a write of the controller against the rules.
func (o *oracle) checkWrite(c *apiservertest.Change, now time.Time) {
	switch c.Resource {
	case "leases":
		if c.Object().GetNamespace() != ownNamespace {
			o.violate(ruleStranger, "a Lease outside of its own namespace was written")
		}
		if holderOf(c.After) == c.By && holderOf(c.Before) != c.By {
			o.ledAt[c.By] = now
			o.log("   " + c.By + " leads")
		}
		return
	case "events":
		o.log(o.describeChange(c))
		if e, ok := c.After.(*eventsv1.Event); ok {
			o.checkEvent(e)
		}
		return
	}
	if o.writes++; o.writes > maxWrites {
		o.violate(ruleEndless, fmt.Sprintf("there have been %d writes, and they do not end", o.writes))
	}
	o.log(o.describeChange(c))
	switch c.Resource {
	case "secrets", "configmaps":
		o.checkItem(itemOf(c.Before), itemOf(c.After), c.By, now)
	case "serviceaccounts":
		before, _ := c.Before.(*corev1.ServiceAccount)
		after, _ := c.After.(*corev1.ServiceAccount)
		o.checkAccount(before, after, now)
	default:
		o.violate(ruleStranger, fmt.Sprintf("%s %s was written", c.Resource, c.Object().GetName()))
	}
}

// holderOf returns who holds a Lease.
func holderOf(o apiservertest.Object) string {
	if lease, ok := o.(*coordinationv1.Lease); ok && lease.Spec.HolderIdentity != nil {
		return *lease.Spec.HolderIdentity
	}
	return ""
}

// maxWrites and maxRequests are more than any history gives reason for. Renewals of a lease do not count.
const (
	maxWrites   = 1500
	maxRequests = 15_000
)

func isRecord(i *item) bool {
	return i != nil && i.kind == annotations.ConfigMap && i.Labels[informers.LabelRecord] != ""
}

func parseRemembered(s string) map[string]string {
	var m map[string]string
	_ = json.Unmarshal([]byte(s), &m) // what can't be parsed records nothing
	return m
}

func (o *oracle) checkItem(before, after *item, process string, now time.Time) {
	i := after
	if i == nil {
		i = before
	}
	p := i.place()
	if after != nil {
		for _, m := range []map[string]string{after.Labels, after.Annotations} {
			if len(tokensOf(m)) > 0 {
				o.violate(ruleLeak, "content is in the metadata of "+p.String())
			}
		}
	}
	if p.Namespace == ownNamespace && isRecord(i) && (before == nil || isRecord(before)) {
		return // its records
	}
	switch {
	case after == nil, before != nil && before.DeletionTimestamp == nil && after.DeletionTimestamp != nil:
		o.checkRemoval(before, p, process, now)
	case before == nil:
		o.checkPush(nil, after, process, now)
	case !equality.Semantic.DeepEqual(before.Finalizers, after.Finalizers) || before.kindType != after.kindType:
		o.violate(ruleStranger, "the finalizers or the type of "+p.String()+" were changed")
	case after.mode() == annotations.ReplicaPull:
		o.checkFill(before, after, p, now)
	case after.mode() == annotations.ReplicaPush:
		o.checkPush(before, after, process, now)
	default:
		o.checkWriteBack(before, after, p)
	}
}

// checkRemoval checks that only a replica is deleted, and only where its source does not want it or has to recreate
// it.
func (o *oracle) checkRemoval(before *item, p place, process string, now time.Time) {
	s, ok := sourceOf(before)
	if !ok || !before.isPushed() {
		o.violate(ruleStranger, p.String()+" was deleted, which was no replica")
		return
	}
	if o.needsRecreation(s, o.items[p]) {
		o.recreating[p] = recreated{source: s, by: process, at: now}
	}
	// Nothing is removed on account of what was over when the process began to lead.
	led, key := o.ledAt[process], replicaKey{s, p}
	recent := func(times map[replicaKey]time.Time, lag time.Duration) bool {
		last, ok := times[key]
		return ok && now.Sub(last) <= lag && !last.Before(led)
	}
	if recent(o.removableAt, o.lag()) || recent(o.removableNowAt, confirmedLag) || recent(o.recreatableAt, o.lag()) {
		return
	}
	for _, was := range o.recentSources(s, now) {
		if was.until.Before(led) {
			continue
		}
		for m := range o.circumstances(was, s, p.Namespace, now) {
			if m.target != nil && !o.keptBy(m, p) && (!o.becauseOfNamespace(m) || !m.isOutdated(now)) {
				return // the source's change had not reached the controller
			}
		}
	}
	o.violate(ruleAbsent, fmt.Sprintf("%s was deleted, a replica that %s has to have", p, s))
}

// checkPush checks that a replica is created, changed or adopted by right.
func (o *oracle) checkPush(before, after *item, process string, now time.Time) {
	s, ok := sourceOf(after)
	p := after.place()
	x := permission{source: s, namespace: p.Namespace, name: p.Name}
	switch {
	case !ok || after.mode() != annotations.ReplicaPush:
		o.violate(ruleStranger, p.String()+" was written, which names no source")
		return
	case o.isProtected(p.Namespace):
		o.violate(ruleProtected, p.String()+" was written in a protected namespace")
	case !o.wasPermitted(x, now):
		o.violate(o.refusal(x, now), fmt.Sprintf("%s was written, which is not allowed to %s", p, s))
	}
	o.checkContent(before, after, x, now)
	o.checkConsent(before, after, p, s, now)
	if before == nil {
		o.checkOwnership(p, s, process, now)
		return
	}
	was, ok := sourceOf(before)
	switch {
	case before.isPushed() && ok && was == s:
		o.checkForeign(before, after, p, s)
	case before.labelled():
		o.violate(ruleStranger, p.String()+" was overwritten, which was no replica of "+s.String())
	default:
		o.checkAdoption(before, p, s, process, now)
	}
}

// checkContent checks that each value that is new in an object may be there.
func (o *oracle) checkContent(before, after *item, x permission, now time.Time) {
	var had []string
	if before != nil {
		had = tokensOf(before.data)
	}
	for _, x.token = range tokensOf(after.data) {
		if !slices.Contains(had, x.token) && !o.wasPermitted(x, now) {
			o.violate(ruleLeak, fmt.Sprintf("the value %s was written into namespace %s, where no policy of %s allowed it",
				x.token, x.namespace, x.source))
		}
	}
}

// checkForeign checks that labels which others added to a replica stay.
func (o *oracle) checkForeign(before, after *item, p, s place) {
	copied := strings.Split(before.Annotations[annotations.CopiedLabels], ",")
	for k, v := range before.Labels {
		source := o.items[s]
		mine := strings.HasPrefix(k, annotations.Prefix) || k == annotations.LabelManagedBy || slices.Contains(copied, k) ||
			source != nil && source.claims.Policy != nil && source.claims.Policy.CopyLabels.MatchKey(k)
		if !mine && after.Labels[k] != v {
			o.violate(ruleStranger, fmt.Sprintf("the label %s of %s was changed, which is somebody else's", k, p))
		}
	}
}

// checkFill checks that only an object that pulls is filled, and that nothing changes but its content and Mirrorball's
// labels and annotations.
func (o *oracle) checkFill(before, after *item, p place, now time.Time) {
	s, _ := sourceOf(after)
	claims := before.claims()
	x := permission{source: s, namespace: p.Namespace, pull: true}
	switch {
	case claims.PullFrom == nil || claims.PullFrom.From != s.NamespacedName || before.mode() == annotations.ReplicaPush:
		o.violate(ruleStranger, p.String()+" was filled, which did not ask for "+s.String())
		return
	case o.isProtected(p.Namespace):
		o.violate(ruleProtected, p.String()+" was filled in a protected namespace")
	case !o.wasPermitted(x, now):
		o.violate(ruleLeak, fmt.Sprintf("%s was filled, which %s does not allow", p, s))
	}
	o.checkContent(before, after, x, now)
	strip := func(m map[string]string) map[string]string {
		m = maps.Clone(m)
		maps.DeleteFunc(m, func(k, _ string) bool {
			switch k {
			case annotations.LabelReplica, annotations.LabelSourceName, annotations.LabelSourceNamespace,
				annotations.ReplicaOf, annotations.ReplicatedAt, annotations.ReplicatedKeys,
				annotations.CopiedLabels, annotations.CopiedAnnotations:
				return true
			}
			return false
		})
		return m
	}
	if !equality.Semantic.DeepEqual(strip(before.Labels), strip(after.Labels)) ||
		!equality.Semantic.DeepEqual(strip(before.Annotations), strip(after.Annotations)) {
		o.violate(ruleStranger, "the owner's labels or annotations of "+p.String()+" were changed")
	}
	if v, ok := before.data["kept"]; ok && claims.PullFrom.Dialect == annotations.Replicator && after.data["kept"] != v {
		o.violate(ruleStranger, "the owner's own key of "+p.String()+" was changed")
	}
}

// checkWriteBack checks that only a source that survives its recreation gets back its annotations, and nothing else.
func (o *oracle) checkWriteBack(before, after *item, p place) {
	policy, remembered, record := o.record(p)
	if s := newView(before); !o.survives(s, policy, record) && !o.emptied(s, policy, record) {
		rule := ruleStranger
		if o.isProtected(p.Namespace) {
			rule = ruleProtected
		}
		o.violate(rule, p.String()+" was changed, which is no source that survived its recreation")
		return
	}
	want := maps.Clone(remembered)
	for k, v := range before.Annotations {
		if _, ok := want[k]; !ok {
			want[k] = v
		}
	}
	if !maps.Equal(want, after.Annotations) || !maps.Equal(before.data, after.data) ||
		!equality.Semantic.DeepEqual(before.Labels, after.Labels) {
		o.violate(ruleStranger, "more than the policy of "+p.String()+" was written")
	}
}

func (o *oracle) checkAccount(before, after *corev1.ServiceAccount, now time.Time) {
	if before == nil || after == nil {
		o.violate(ruleStranger, "a ServiceAccount was created or deleted")
		return
	}
	b, a := before.DeepCopy(), after.DeepCopy()
	had, has := pullSecrets(b), pullSecrets(a)
	remembered, remembers := attachedTo(b), attachedTo(a)
	for _, x := range []*corev1.ServiceAccount{b, a} {
		x.ImagePullSecrets, x.ResourceVersion = nil, ""
		delete(x.Annotations, annotations.Attached)
	}
	where := "ServiceAccount " + after.Namespace + "/" + after.Name
	if !equality.Semantic.DeepEqual(a, b) {
		o.violate(ruleStranger, "more of "+where+" was changed than its pull secrets")
	}
	for _, name := range had {
		if _, ok := remembered[name]; !ok && !slices.Contains(has, name) {
			o.violate(ruleStranger, fmt.Sprintf("the pull secret %s of %s was taken away, which somebody else had named", name,
				where))
		}
	}
	for _, name := range has {
		if slices.Contains(had, name) {
			continue
		}
		s, ok := remembers[name]
		switch {
		case o.isProtected(after.Namespace):
			o.violate(ruleProtected, where+" was written in a protected namespace")
		case !ok:
			o.violate(ruleStranger, fmt.Sprintf("%s names %s, and does not remember for whom", where, name))
		case !o.wasPermitted(permission{source: s, namespace: after.Namespace, name: name}, now):
			o.violate(ruleLeak, fmt.Sprintf("%s names %s, which %s does not push there", where, name, s))
		case !o.everAllows(rightAttach, s, after.Namespace, now):
			o.violate(ruleConsent, fmt.Sprintf("%s names %s, which the rules do not allow %s", where, name, s))
		}
	}
}

func pullSecrets(sa *corev1.ServiceAccount) []string {
	var names []string
	for _, r := range sa.ImagePullSecrets {
		names = append(names, r.Name)
	}
	return names
}

// attachedTo returns the sources that Mirrorball has attached to a ServiceAccount, by the name of the pull secret.
func attachedTo(sa *corev1.ServiceAccount) map[string]place {
	m := map[string]place{}
	for entry := range strings.SplitSeq(sa.Annotations[annotations.Attached], ",") {
		name, source, ok := strings.Cut(entry, "=")
		ns, n, ok2 := strings.Cut(source, "/")
		if ok && ok2 {
			m[name] = at(annotations.Secret, ns, n)
		}
	}
	return m
}
