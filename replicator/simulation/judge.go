package simulation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/simulation/apiserver"
)

// judge holds a write of Mirrorball's against the rules.
func (o *oracle) judge(c *apiserver.Change, now time.Time) {
	switch c.Resource {
	case "leases":
		if c.Object().GetNamespace() != own {
			o.breaks(ruleStranger, "a Lease outside of its own namespace was written")
		}
		return
	case "events":
		o.tell(o.noteOf(c))
		if e, ok := c.After.(*eventsv1.Event); ok && token.MatchString(e.Note) {
			o.breaks(ruleLeak, "an event tells content: "+e.Note)
		}
		return
	}
	if o.writes++; o.writes > mostWrites {
		o.breaks(ruleEndless, fmt.Sprintf("after %d writes there is no end of them", o.writes))
	}
	o.tell(o.noteOf(c))
	switch c.Resource {
	case "secrets", "configmaps":
		o.judgeItem(itemOf(c.Before), itemOf(c.After), now)
	case "serviceaccounts":
		before, _ := c.Before.(*corev1.ServiceAccount)
		after, _ := c.After.(*corev1.ServiceAccount)
		o.judgeAccount(before, after, now)
	default:
		o.breaks(ruleStranger, fmt.Sprintf("%s %s was written", c.Resource, c.Object().GetName()))
	}
}

// mostWrites are more than any history gives reason for, mostRequests as well, renewals of
// a lease left out.
const (
	mostWrites   = 1500
	mostRequests = 15_000
)

func isRecord(i *item) bool {
	return i != nil && i.kind == annotations.ConfigMap && i.Labels[informers.LabelRecord] != ""
}

func parseRemembered(s string) map[string]string {
	var m map[string]string
	_ = json.Unmarshal([]byte(s), &m) // what can't be read says nothing
	return m
}

func (o *oracle) judgeItem(before, after *item, now time.Time) {
	i := after
	if i == nil {
		i = before
	}
	p := i.place()
	if after != nil {
		for _, m := range []map[string]string{after.Labels, after.Annotations} {
			if len(tokensOf(m)) > 0 {
				o.breaks(ruleLeak, "content stands in the metadata of "+p.String())
			}
		}
	}
	if p.Namespace == own && isRecord(i) && (before == nil || isRecord(before)) {
		return // its memory
	}
	switch {
	case after == nil, before != nil && before.DeletionTimestamp == nil && after.DeletionTimestamp != nil:
		o.judgeRemoval(before, p, now)
	case before == nil:
		o.judgePush(nil, after, p, now)
	case !equality.Semantic.DeepEqual(before.Finalizers, after.Finalizers) || before.kindType != after.kindType:
		o.breaks(ruleStranger, "the finalizers or the type of "+p.String()+" were changed")
	case after.mode() == annotations.ReplicaPull:
		o.judgeFill(before, after, p, now)
	case after.mode() == annotations.ReplicaPush:
		o.judgePush(before, after, p, now)
	default:
		o.judgeWriteBack(before, after, p)
	}
}

// judgeRemoval: only a replica that names its source is removed, and only where no one wants it, or to be made anew.
func (o *oracle) judgeRemoval(before *item, p place, now time.Time) {
	s, ok := named(before)
	if !ok || !before.pushed() {
		o.breaks(ruleStranger, p.String()+" was deleted, which was no replica")
		return
	}
	if last, ok := o.unkept[standing{s, p}]; ok && now.Sub(last) <= o.lag() {
		return
	}
	if last, ok := o.unfit[standing{s, p}]; ok && now.Sub(last) <= o.lag() {
		return
	}
	for _, was := range o.formerly(s, now) {
		for _, n := range o.lately(p.Namespace, now) {
			if n != nil && !o.holds(was, p, n) {
				return // it named the source when the controller had not heard of the source's change
			}
		}
	}
	o.breaks(ruleAbsent, fmt.Sprintf("%s was deleted, a replica that %s has to have", p, s))
}

// judgePush: a replica is made, changed or adopted.
func (o *oracle) judgePush(before, after *item, p place, now time.Time) {
	s, ok := named(after)
	switch {
	case !ok || after.mode() != annotations.ReplicaPush:
		o.breaks(ruleStranger, p.String()+" was written, which names no source")
		return
	case o.guarded(p.Namespace):
		o.breaks(ruleProtected, p.String()+" was written in a protected namespace")
	case !o.permitted(permission{source: s, namespace: p.Namespace, name: p.Name}, now):
		o.breaks(ruleLeak, fmt.Sprintf("%s was written, which the policy of %s does not allow", p, s))
	}
	o.judgeContent(before, after, permission{source: s, namespace: p.Namespace, name: p.Name}, now)
	if before == nil {
		return
	}
	was, ok := named(before)
	switch {
	case before.pushed() && ok && was == s:
		o.judgeForeign(before, after, p, s)
	case before.labelled():
		o.breaks(ruleStranger, p.String()+" was overwritten, which was no replica of "+s.String())
	default:
		claims := before.claims()
		byReflector := claims.Mirror != nil && *claims.Mirror == s.NamespacedName
		source := o.items[s]
		same := claims.PushedVersion != "" && source != nil && maps.Equal(source.data, before.data)
		if !byReflector && !same && !o.versions[s][claims.PushedVersion] {
			o.breaks(ruleStranger, p.String()+" was overwritten, which was nobody's replica")
		}
	}
}

// judgeContent: each value that was not there before may be where it is now.
func (o *oracle) judgeContent(before, after *item, x permission, now time.Time) {
	var had []string
	if before != nil {
		had = tokensOf(before.data)
	}
	for _, x.token = range tokensOf(after.data) {
		if !slices.Contains(had, x.token) && !o.permitted(x, now) {
			o.breaks(ruleLeak, fmt.Sprintf("the value %s was written into namespace %s, where no policy of %s allowed it",
				x.token, x.namespace, x.source))
		}
	}
}

// judgeForeign: what others added to a replica stays.
func (o *oracle) judgeForeign(before, after *item, p, s place) {
	copied := strings.Split(before.Annotations[annotations.CopiedLabels], ",")
	for k, v := range before.Labels {
		source := o.items[s]
		mine := strings.HasPrefix(k, annotations.Prefix) || k == annotations.LabelManagedBy || slices.Contains(copied, k) ||
			source != nil && source.claims.Policy != nil && source.claims.Policy.CopyLabels.MatchKey(k)
		if !mine && after.Labels[k] != v {
			o.breaks(ruleStranger, fmt.Sprintf("the label %s of %s was changed, which is somebody else's", k, p))
		}
	}
}

// judgeFill: only what asked for it is filled, and nothing but the content and Mirrorball's marks changes.
func (o *oracle) judgeFill(before, after *item, p place, now time.Time) {
	s, _ := named(after)
	claims := before.claims()
	x := permission{source: s, namespace: p.Namespace, pull: true}
	switch {
	case claims.PullFrom == nil || claims.PullFrom.From != s.NamespacedName || before.mode() == annotations.ReplicaPush:
		o.breaks(ruleStranger, p.String()+" was filled, which did not ask for "+s.String())
		return
	case o.guarded(p.Namespace):
		o.breaks(ruleProtected, p.String()+" was filled in a protected namespace")
	case !o.permitted(x, now):
		o.breaks(ruleLeak, fmt.Sprintf("%s was filled, which %s does not allow", p, s))
	}
	o.judgeContent(before, after, x, now)
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
		o.breaks(ruleStranger, "the owner's labels or annotations of "+p.String()+" were changed")
	}
	if v, ok := before.data["kept"]; ok && claims.PullFrom.Dialect == annotations.Replicator && after.data["kept"] != v {
		o.breaks(ruleStranger, "the owner's own key of "+p.String()+" was changed")
	}
}

// judgeWriteBack: a source that was made again gets its annotations, and nothing else.
func (o *oracle) judgeWriteBack(before, after *item, p place) {
	policy, remembered, record := o.record(p)
	if !o.survives(newView(before), &policy, record) {
		rule := ruleStranger
		if o.guarded(p.Namespace) {
			rule = ruleProtected
		}
		o.breaks(rule, p.String()+" was changed, which is no source that survived its recreation")
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
		o.breaks(ruleStranger, "more than the policy of "+p.String()+" was written")
	}
}

func (o *oracle) judgeAccount(before, after *corev1.ServiceAccount, now time.Time) {
	if before == nil || after == nil {
		o.breaks(ruleStranger, "a ServiceAccount was created or deleted")
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
		o.breaks(ruleStranger, "more of "+where+" was changed than its pull secrets")
	}
	for _, name := range had {
		if _, ok := remembered[name]; !ok && !slices.Contains(has, name) {
			o.breaks(ruleStranger, fmt.Sprintf("the pull secret %s of %s was taken away, which somebody else had named", name,
				where))
		}
	}
	for _, name := range has {
		if slices.Contains(had, name) {
			continue
		}
		s, ok := remembers[name]
		switch {
		case o.guarded(after.Namespace):
			o.breaks(ruleProtected, where+" was written in a protected namespace")
		case !ok:
			o.breaks(ruleStranger, fmt.Sprintf("%s names %s, and does not remember for whom", where, name))
		case !o.permitted(permission{source: s, namespace: after.Namespace, name: name}, now):
			o.breaks(ruleLeak, fmt.Sprintf("%s names %s, which %s does not push there", where, name, s))
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

// attachedTo reads what Mirrorball remembers on a ServiceAccount: the sources, by the name of the pull secret.
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
