package simulation

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// The oracle's idea of seniority. It is sure of less than the controller knows: where a watch may have missed
// something, or a process started too late to have seen it, either answer is right.

// span is the time in which one object was a source.
type span struct {
	uid     types.UID
	created time.Time
	// from is when it became a source, and until when it ceased to be one; zero while it is one.
	from, until time.Time
	// deleted says that it ceased by deletion.
	deleted bool
}

// updateSpans takes in that an object became a source or ceased to be one. An object without an annotation, or with one
// that can't be read, is none.
func (o *oracle) updateSpans(p place, was, is *view, now time.Time) {
	spans := o.spans[p]
	last := len(spans) - 1
	if last >= 0 && spans[last].until.IsZero() && (!isSource(is) || is.UID != spans[last].uid) {
		spans[last].until, spans[last].deleted = now, is == nil || is.UID != spans[last].uid
	}
	if isSource(is) && (!isSource(was) || was.UID != is.UID) {
		spans = append(spans, span{uid: is.UID, created: is.CreationTimestamp.Time, from: now})
	}
	o.spans[p] = spans
}

func isSource(v *view) bool { return v != nil && v.claims.Policy != nil && !v.labelled() }

// surelySince returns the latest time since which a process has to take p for a source: a rotation by deletion and
// creation within the grace keeps the place in line.
func (o *oracle) surelySince(p place, process string) time.Time {
	spans := o.spans[p]
	i := len(spans) - 1
	since := spans[i].created
	for ; i > 0; i-- {
		before := spans[i-1]
		seen := before.until.Sub(o.startedAt[process]) > o.lag() && before.until.Sub(before.from) > o.lag()
		if !before.deleted || spans[i].from.Sub(before.until) > o.settings.Grace-time.Second || !seen {
			break
		}
		since = earlier(since, before.created)
	}
	return since
}

// possiblySince returns the earliest time since which a process may take p for a source.
func (o *oracle) possiblySince(p place) time.Time {
	spans := o.spans[p]
	if len(spans) == 0 {
		return time.Time{}
	}
	since := spans[0].created
	for _, s := range spans {
		since = earlier(since, s.created)
	}
	return since
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// hasLeft reports whether a source is gone for less than the grace, and a process must know that it was one.
func (o *oracle) hasLeft(p place, process string, now time.Time) bool {
	spans, m := o.spans[p], o.missing[p]
	if m == nil || m.last == nil || len(spans) == 0 || m.phase != active {
		return false
	}
	last := spans[len(spans)-1]
	return last.deleted && last.until.Equal(m.missingSince) && now.Sub(m.missingSince) < o.settings.Grace-time.Second &&
		m.missingSince.Sub(m.last.from) > o.lag() && m.missingSince.Sub(o.startedAt[process]) > o.lag()
}

// checkOwnership checks that a free place goes to a source that may have it: the source whose replica is made again
// there, else the senior one. Nothing is pushed onto the name of a source that may come back.
func (o *oracle) checkOwnership(p, s place, process string, now time.Time) {
	owner, ok := o.recreating[p]
	if ok && owner.source == s && now.Sub(owner.at) < 10*time.Second {
		return // its own replica, which is made again
	}
	if o.hasLeft(p, process, now) {
		o.violate(ruleOwnership, fmt.Sprintf("%s was written for %s, onto the name of a source that has left", p, s))
	}
	if ok && owner.by == process && now.Sub(o.lastFault) > time.Minute &&
		now.Sub(owner.at) < time.Second && o.alwaysWants(o.items[owner.source], owner.source, p, now) {
		o.violate(ruleOwnership, fmt.Sprintf("%s was written for %s, while the replica of %s was made again", p, s,
			owner.source))
	}
	since := o.possiblySince(s)
	for a := range o.rivals(s, p, process, true, now) {
		if o.surelySince(a, process).Before(since) {
			o.violate(ruleOwnership, fmt.Sprintf("%s was written for %s, and %s is senior and wants it", p, s, a))
		}
	}
}

// rivals are the other sources that want a place, as a process must know; left says whether those are among them that
// have left for less than the grace.
func (o *oracle) rivals(s, p place, process string, left bool, now time.Time) map[place]bool {
	found := map[place]bool{}
	for a, v := range o.items {
		if a != s && v.phase == active && o.surelyWants(v, a, p, now) {
			found[a] = true
		}
	}
	if !left {
		return found
	}
	for a, m := range o.missing {
		if a != s && o.hasLeft(a, process, now) && o.surelyWants(m.last, a, p, now) {
			found[a] = true
		}
	}
	return found
}

// surelyWants reports whether a source wants a place by each state that the controller may act on.
func (o *oracle) surelyWants(v *view, source, p place, now time.Time) bool {
	return v != nil && now.Sub(v.from) > o.lag() && o.alwaysWants(v, source, p, now)
}

// alwaysWants reports whether a source as it is wants a place by each recent state of all else.
func (o *oracle) alwaysWants(v *view, source, p place, now time.Time) bool {
	if v == nil || v.phase != active || source.kind != p.kind || v.claims.Policy.ReplicaName(source.Name) != p.Name {
		return false
	}
	for m := range o.circumstances(v, source, p.Namespace, now) {
		if !o.wants(m) {
			return false
		}
	}
	return true
}

// isReservedByPaused reports whether another source wants a place and is paused: its places stay reserved for it.
func (o *oracle) isReservedByPaused(s, p place, n *namespace) bool {
	for a, v := range o.items {
		if policy := v.claims.Policy; a == s || a.kind != p.kind || v.phase != held || policy == nil || !policy.Paused {
			continue
		}
		unpaused := *v
		unpaused.phase = active
		if v.claims.Policy.ReplicaName(a.Name) == p.Name && o.wantsNow(&unpaused, n) {
			return true
		}
	}
	return false
}

// recreated is the source whose replica a process deleted to make it again.
type recreated struct {
	source place
	by     string
	at     time.Time
}

// checkAdoption checks that what another controller made is adopted by the source that it is a copy of: by the name
// that it holds, or by the recorded version, or by the content where no other source wants the place.
func (o *oracle) checkAdoption(before *item, p, s place, process string, now time.Time) {
	claims := before.claims()
	if claims.Mirror != nil {
		if *claims.Mirror != s.NamespacedName {
			o.violate(ruleStranger, p.String()+" was overwritten, which mirrors another source")
		}
		return
	}
	same := false
	for _, was := range append(o.recentSources(s, now), o.items[s]) {
		if was != nil && claims.PushedVersion != "" && was.ResourceVersion == claims.PushedVersion {
			return
		}
		same = same || was != nil && maps.Equal(was.data, before.data)
	}
	if claims.PushedVersion == "" || !same {
		o.violate(ruleStranger, p.String()+" was overwritten, which was nobody's replica")
	}
	if rivals := o.rivals(s, p, process, false, now); len(rivals) > 0 {
		o.violate(ruleOwnership, fmt.Sprintf("%s was adopted for %s by its content, and others want it: %v", p, s,
			slices.Collect(maps.Keys(rivals))))
	}
}

// checkBounded checks that no record is left of a source that is gone and that nothing names.
func (o *oracle) checkBounded() {
	named := map[place]bool{}
	for _, v := range o.items {
		if s, ok := sourceOf(v.item); ok && v.speaks() {
			named[s] = true
		}
		if pull := v.claims.PullFrom; pull != nil {
			named[place{v.kind, pull.From}] = true
		}
	}
	for _, sa := range o.accounts {
		for _, s := range attachedTo(sa) {
			named[s] = true
		}
	}
	for p, v := range o.items {
		if p.Namespace != ownNamespace || !isRecord(v.item) {
			continue
		}
		s := at(annotations.Kind(v.data["kind"]), v.data["namespace"], v.data["name"])
		if source := o.items[s]; (source == nil || source.phase == none) && !named[s] {
			o.violate(ruleBounded, "the record of "+s.String()+" is still there, and nothing names it")
		}
		if size := len(v.data["annotations"]); size > maxRecordBytes {
			o.violate(ruleBounded, fmt.Sprintf("the record of %s has %d bytes", s, size))
		}
	}
}

// maxRecordBytes is how long the annotations in a record may be.
const maxRecordBytes = 8 << 10
