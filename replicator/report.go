package replicator

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/klog/v2"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/events"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// Conditions of a source, as the metrics name them.
const (
	conditionActive   = "active"
	conditionFrozen   = "frozen"
	conditionRefused  = "refused"
	conditionPaused   = "paused"
	conditionMissing  = "missing"
	conditionReleased = "released"
)

// condition names a phase for the metrics; "" is not counted.
func condition(p *pass) string {
	switch p.resolution.Phase {
	case plan.PhaseActive:
		return conditionActive
	case plan.PhaseFrozen:
		return conditionFrozen
	case plan.PhaseRefused:
		return conditionRefused
	case plan.PhasePaused:
		return conditionPaused
	case plan.PhaseMissing, plan.PhaseRecreated, plan.PhaseRestorable, plan.PhaseKept, plan.PhaseDeleted:
		return conditionMissing
	case plan.PhaseReleased:
		return conditionReleased
	case plan.PhaseUnknown:
		if p.observed.view.HasPullers {
			return conditionReleased
		}
	}
	return ""
}

// reporter tells people what has changed.
type reporter struct {
	cluster  *informers.Cluster
	recorder events.Recorder
	// notify wakes another source.
	notify func(informers.Key, informers.Change)
}

// report tells what a pass has changed: events, metrics, and one line in the log.
func (r *reporter) report(ctx context.Context, p *pass) {
	list := p.warnings()
	r.reportWarnings(ctx, p.state, list)
	r.reportEligibility(p)
	r.reportProgress(ctx, p, len(list) == 0)
}

// warnings takes the pass into the state, and returns what is to be said of the source, its targets and its pullers.
func (p *pass) warnings() warnings {
	if p.decision.Err != nil {
		p.resolution.Phase, p.scope = plan.PhaseFrozen, informers.FullScope()
	}
	s, phase := p.state, p.resolution.Phase
	withheldChanged := s.withheld.update(p.scope, p.decision.Withheld)
	if s.publish(p) || withheldChanged || p.observed.reloaded {
		s.targetWarnings = slices.Concat(targetWarnings(p.key, s.uid, s.findings), withheldWarnings(p))
	}
	list := warnings(slices.Clone(s.targetWarnings))
	if p.isKnown() {
		list = slices.Concat(sourceWarnings(p), list, backoffWarnings(p.key, s.uid, s.backoffs, time.Now()), brakedWarning(p))
	}
	if phase.Removes() {
		list = append(list, pullersWithoutSource(p.key, p.world.Pullers)...)
	}
	return list
}

// isKnown reports whether the object under the source's name says something to Mirrorball, or did so once as far as the
// process or a record knows. To any other object nothing is said: somebody else may only have named it.
func (p *pass) isKnown() bool {
	view := &p.observed.view
	//mutant:events-on-strangers
	return view.Claims() != nil || view.Record != nil || p.observed.record != nil || p.state.policy != nil
}

// reportEligibility wakes the sources that yielded to this one, once it does not take its targets. They could not know.
func (r *reporter) reportEligibility(p *pass) {
	phase := p.resolution.Phase
	if !r.cluster.SetIneligible(p.key, phase == plan.PhaseFrozen || phase == plan.PhaseRefused) {
		return
	}
	for _, other := range r.cluster.Competitors(p.key, p.state.policy.ReplicaName(p.key.Name)) {
		r.notify(other, informers.Change{Scope: informers.FullScope()})
	}
}

// publish takes the pass into what others may read, and reports whether the findings are different from before.
func (s *state) publish(p *pass) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase, s.condition, s.source = p.resolution.Phase, condition(p), nil
	if s.phase == plan.PhaseActive {
		s.source = s.loaded.source
	}
	return s.findings.update(p.scope, s.policy.ReplicaName(p.key.Name), p.decision.Verdicts)
}

// reportProgress logs what was written, and records an event the first time that all targets are in sync.
func (r *reporter) reportProgress(ctx context.Context, p *pass, quiet bool) {
	s := p.state
	if p.outcome.total() > 0 {
		s.wrote = true
		verbs := []any{}
		for _, v := range slices.Sorted(maps.Keys(p.outcome.wrote)) {
			verbs = append(verbs, string(v), p.outcome.wrote[v])
		}
		klog.FromContext(ctx).Info("replicas written", verbs...)
	}
	if p.resolution.Phase != plan.PhaseActive || !p.outcome.remaining.Empty() {
		return
	}
	// Targets that are refused do not count: with one of them, anybody could have the fights over the others go on.
	s.syncedDigest = s.loaded.source.Push
	if len(p.decision.Actions) > 0 || s.backoffs.next(time.Now()) > 0 {
		return
	}
	if n := s.inSync(r.cluster, p.key); s.wrote && !s.announced && n > 0 && quiet {
		s.announced = true
		r.recorder.Normal(ctx, warningKey{subject: p.key}.eventSubject(s.uid), reasonReplicated,
			fmt.Sprintf("all %d targets are in sync", n))
	}
	s.wrote = false
}
