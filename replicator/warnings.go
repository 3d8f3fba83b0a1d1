package replicator

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/events"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// Reasons of events. Every one but Replicated and Restored is a Warning.
const (
	reasonFrozen       = "Frozen"
	reasonRefused      = "Refused"
	reasonIgnored      = "Ignored"
	reasonOccupied     = "Occupied"
	reasonConflict     = "Conflict"
	reasonBlocked      = "Blocked"
	reasonContended    = "Contended"
	reasonRecreated    = "Recreated"
	reasonForgotten    = "NotRemembered"
	reasonNotPermitted = "NotPermitted"
	reasonMismatched   = "Mismatched"
	reasonNoSource     = "NoSource"
	reasonUnreadable   = "NamespaceUnreadable"
	reasonReserved     = "ReservedName"
	reasonBraked       = "Braked"
	reasonReplicated   = "Replicated"
	reasonRestored     = "Restored"
	reasonBarred       = "Barred"
	// reasonUnreadableRecord and reasonRulesUnreadable are of events on a ConfigMap in Mirrorball's own namespace.
	reasonUnreadableRecord = "RecordUnreadable"
	reasonRulesUnreadable  = "RulesUnreadable"
)

// warning is something that a person should know of an object, for as long as it is so.
type warning struct {
	warningKey
	uid  types.UID
	note string
}

type warningKey struct {
	subject informers.Key
	reason  string
	// annotation is the key of the one that the warning is about; empty where it is about none.
	annotation string
	// right is the one that the warning is about; empty where it is about none.
	right rules.Right
}

func (k warningKey) eventSubject(uid types.UID) events.Subject {
	return events.Subject{
		Kind: string(k.subject.Kind), NamespacedName: k.subject.NamespacedName, UID: uid, Annotation: k.annotation,
	}
}

// warnings collects those of one pass.
type warnings []warning

func (w *warnings) add(subject informers.Key, uid types.UID, reason, note string) {
	*w = append(*w, warning{warningKey{subject: subject, reason: reason}, uid, note})
}

// addProblems adds a warning for each annotation that is wrong.
func (w *warnings) addProblems(subject informers.Key, uid types.UID, reason string, problems ...annotations.Problem) {
	for _, p := range problems {
		*w = append(*w, warning{warningKey{subject: subject, reason: reason, annotation: p.Key}, uid, p.String()})
	}
}

// addFrozen adds a warning for each annotation that freezes the source.
func (w *warnings) addFrozen(subject informers.Key, uid types.UID, problems []annotations.Problem) {
	for _, p := range problems {
		*w = append(*w, warning{warningKey{subject: subject, reason: reasonFrozen, annotation: p.Key}, uid, p.String() +
			"; no replica of this source is created, changed or removed until the annotation is corrected"})
	}
}

// addSuspended adds a warning where a source is frozen though its annotations can be read.
func (w *warnings) addSuspended(subject informers.Key, uid types.UID, why error) {
	if why != nil {
		w.add(subject, uid, reasonFrozen, why.Error()+"; until then no replica of this source is created, changed or "+
			"removed")
	}
}

// reportWarnings records the warnings that are new or have changed, and forgets those that are over.
func (r *reporter) reportWarnings(ctx context.Context, s *state, list warnings) {
	current := make(map[warningKey]string, len(list))
	for _, w := range list {
		if _, twice := current[w.warningKey]; twice {
			continue
		}
		current[w.warningKey] = w.note
		if s.reported[w.warningKey] != w.note {
			r.recorder.Warning(ctx, w.eventSubject(w.uid), w.reason, w.note)
		}
	}
	s.reported = current
}

// sourceWarnings are what is to be said of the source itself.
func sourceWarnings(p *pass) warnings {
	var list warnings
	o, s := &p.observed, p.state
	claims, uid := o.view.Claims(), types.UID("")
	if id := o.view.Identity(); id != nil {
		uid = id.UID
	}
	switch p.resolution.Phase {
	case plan.PhaseActive:
		list.addProblems(p.key, uid, reasonIgnored, claims.Ignored...)
		list.addProblems(p.key, uid, reasonIgnored, attachProblems(s.loaded.source, &p.world.Settings)...)
	case plan.PhaseFrozen:
		list.addFrozen(p.key, uid, claims.Problems)
		if s.loaded != nil && o.Watched == plan.WatchedPolicy {
			list.addFrozen(p.key, uid, s.loaded.problems)
		}
		list.addSuspended(p.key, uid, o.suspended)
	case plan.PhaseRefused:
		list.add(p.key, uid, reasonRefused, refusal(o, s))
	default:
		if claims != nil && o.Watched == plan.WatchedNothing || o.Watched == plan.WatchedPolicy && !o.Allowed {
			list.addProblems(p.key, uid, reasonIgnored, claims.Ignored...)
		}
		if p.resolution.Phase == plan.PhaseRecreated && o.HasReplicas {
			list.add(p.key, o.LiveUID, reasonRecreated, recreatedNote(o))
		}
	}
	if p.recordErr != nil {
		list.add(p.key, uid, reasonForgotten, p.recordErr.Error())
	}
	list.addSuspended(p.key, uid, p.decision.Err)
	return list
}

func refusal(o *observation, s *state) string {
	if o.Watched == plan.WatchedPolicy {
		return s.loaded.refusal
	}
	return "the object is a replica or pulls, so it cannot be a source; remove its replication annotations, or annotate " +
		"the original object"
}

// attachProblems says so where a source is to be attached, and nothing is: it can't be an image pull secret, or the
// operator has switched this off.
func attachProblems(s *plan.Source, settings *plan.Settings) []annotations.Problem {
	reason := ""
	switch {
	case s.Policy.AttachTo.Empty():
		return nil
	case !plan.Attachable(s.Type):
		reason = fmt.Sprintf("has no effect: the Secret has the type %q, and only kubernetes.io/dockerconfigjson and "+
			"kubernetes.io/dockercfg can be image pull secrets; remove the annotation", s.Type)
	case settings.IgnoreServiceAccounts:
		reason = "has no effect: the operator runs Mirrorball with --attach-to-service-accounts=false; name the replica in " +
			"imagePullSecrets by hand, or ask the operator"
	default:
		return nil
	}
	return []annotations.Problem{{
		Key: annotations.AttachToServiceAccounts, Value: s.Policy.AttachTo.String(), Reason: reason,
	}}
}

func recreatedNote(o *observation) string {
	hint := annotations.SurvivesRecreation + `: "true" keeps the policy in future`
	switch o.Survival {
	case plan.OtherObject:
		hint = "the saved policy is not restored, because the object is a replica, pulls, has conflicting annotations, or " +
			"is in a protected namespace"
	case plan.OtherType:
		hint = fmt.Sprintf("the saved policy is not restored, because the type changed from %q to %q", o.record.Type,
			o.secretType)
	}
	fate := fmt.Sprintf("its replicas are removed when the grace period of %s ends; annotate it before then", o.Grace)
	switch o.OnDelete {
	case annotations.Keep:
		fate = "its replicas stay as they are, because of " + annotations.OnDelete + ": keep; annotate it to update them"
	case "":
		fate += "; replicas with " + annotations.KeptOnDelete + ": keep stay"
	}
	return "the source was created again without its annotations; " + fate + "; " + hint
}

// targetWarnings are what is to be said of targets and pullers.
func targetWarnings(key informers.Key, uid types.UID, found findings) warnings {
	var list warnings
	at := map[plan.State][]types.NamespacedName{}
	reasons := map[plan.State]string{}
	for _, v := range found.sorted() {
		if v.Pull {
			reason := map[plan.State]string{plan.Forbidden: reasonNotPermitted, plan.Mismatched: reasonMismatched}[v.State]
			if reason != "" {
				list.add(informers.Key{Kind: key.Kind, NamespacedName: v.NamespacedName}, v.UID, reason,
					pullerNote(key, &v))
			}
			continue
		}
		at[v.State] = append(at[v.State], v.NamespacedName)
		if reasons[v.State] == "" {
			reasons[v.State] = v.Reason
		}
	}
	for _, w := range []struct {
		state        plan.State
		reason, note string
	}{
		{plan.Occupied, reasonOccupied, "%d targets are in use by objects that are not replicas of this source (%s): %s; " +
			"delete or rename the objects, or set " + annotations.TargetName + "; retried when the names are free"},
		{plan.Conflict, reasonConflict, "another source has precedence at %d targets (%s): %s; change the annotations of " +
			"one of the two sources"},
		{plan.Reserved, reasonReserved, "%d targets are refused because their name is reserved (%s): %s; set " +
			annotations.TargetName + ", or see --reserved-names"},
		{plan.Unreadable, reasonUnreadable, "the consent of %d namespaces cannot be parsed (%s): %s; no replica of " +
			"this source is created, changed or removed there; correct the annotation on the Namespace"},
	} {
		if places := at[w.state]; len(places) > 0 {
			list.add(key, uid, w.reason, fmt.Sprintf(w.note, len(places), enumerate(places), reasons[w.state]))
		}
	}
	return list
}

func pullerNote(source informers.Key, v *plan.Verdict) string {
	if v.State == plan.Forbidden {
		return source.NamespacedName.String() + " does not permit this namespace to pull; the data of this object stays as " +
			"it is; add the namespace to " + annotations.PullBy + " of the source"
	}
	return "the object cannot get the data of " + source.NamespacedName.String() + ": " + v.Reason +
		"; create it again with the type of the source, and not immutable"
}

// backoffWarnings are what is to be said of targets that can't be written to for now.
func backoffWarnings(key informers.Key, uid types.UID, b backoffs, now time.Time) warnings {
	var list warnings
	byReason := map[string][]types.NamespacedName{}
	for k, w := range b {
		isTold := k.Kind == recordKind && w.reason != "" // with what that means: reasonForgotten
		if w.until.After(now) && !isTold {
			byReason[w.reason] = append(byReason[w.reason], k.NamespacedName)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(byReason)) {
		at := byReason[why]
		slices.SortFunc(at, func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) })
		at = slices.Compact(at)
		if why == "" {
			list.add(key, uid, reasonContended, fmt.Sprintf("another client keeps undoing the writes at %d "+
				"places (%s); they are repeated with backoff; find and stop the other client", len(at), enumerate(at)))
			continue
		}
		list.add(key, uid, reasonBlocked, fmt.Sprintf("the API server rejects writes at %d targets (%s): %s; remove "+
			"the cause; retried with backoff", len(at), enumerate(at), why))
	}
	return list
}

// pullersWithoutSource tells objects that pull that there is nothing to follow.
func pullersWithoutSource(key informers.Key, pullers []informers.Puller) warnings {
	var list warnings
	for i := range pullers {
		if id := pullers[i].Identity(); !id.Deleting {
			list.add(informers.Key{Kind: key.Kind, NamespacedName: id.NamespacedName}, id.UID, reasonNoSource,
				key.NamespacedName.String()+" does not exist or does not permit pulling; the data of this object stays as it "+
					"is; correct the name, or annotate the source")
		}
	}
	return list
}

// enumerate makes a sentence's worth of names: the first few, and that there are more.
func enumerate[T any](names []T) string {
	const shown = 5
	var b strings.Builder
	for i, n := range names {
		if i == shown {
			b.WriteString(" and others")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, n)
	}
	return b.String()
}
