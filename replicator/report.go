package replicator

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/klog/v2"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// Conditions of a source, as the metrics name them.
const (
	conditionActive   = "active"
	conditionFrozen   = "frozen"
	conditionRefused  = "refused"
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
	case plan.PhaseMissing, plan.PhaseRecreated, plan.PhaseRestorable, plan.PhaseKept, plan.PhaseDeleted:
		return conditionMissing
	case plan.PhaseReleased:
		return conditionReleased
	case plan.PhaseUnknown:
		if p.observed.view.Pullers > 0 {
			return conditionReleased
		}
	}
	return ""
}

// report tells what has changed: events, metrics, and one line in the log.
func (c *Controller) report(ctx context.Context, p *pass) {
	if p.decision.Err != nil {
		p.resolution.Phase, p.scope = plan.PhaseFrozen, informers.FullScope()
	}
	s, phase := p.state, p.resolution.Phase
	if s.publish(p) || p.observed.reloaded {
		s.targetWarnings = targetWarnings(p.key, s.uid, s.findings)
	}
	list := slices.Concat(c.sourceWarnings(p), s.targetWarnings, backoffWarnings(p.key, s.uid, s.backoffs, time.Now()))
	if phase.Removes() {
		list = append(list, pullersWithoutSource(p.key, p.world.Pullers)...)
	}
	c.reportWarnings(ctx, s, list)
	c.reportEligibility(p)
	c.reportProgress(ctx, p, len(list) == 0)
}

// reportEligibility wakes the sources that yielded to this one, once it does not take its targets. They could not know.
func (c *Controller) reportEligibility(p *pass) {
	phase := p.resolution.Phase
	if !c.cluster.SetIneligible(p.key, phase == plan.PhaseFrozen || phase == plan.PhaseRefused) {
		return
	}
	for _, other := range c.cluster.Competitors(p.key, p.state.policy.ReplicaName(p.key.Name)) {
		c.notify(other, informers.Change{Scope: informers.FullScope()})
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
	return s.findings.update(p.scope, p.decision.Verdicts)
}

// reportProgress logs what was written, and records an event the first time that all targets are in sync.
func (c *Controller) reportProgress(ctx context.Context, p *pass, quiet bool) {
	s := p.state
	if p.outcome.total() > 0 {
		s.wrote = true
		verbs := []any{}
		for _, v := range slices.Sorted(maps.Keys(p.outcome.wrote)) {
			verbs = append(verbs, string(v), p.outcome.wrote[v])
		}
		klog.FromContext(ctx).Info("replicated", verbs...)
	}
	if p.resolution.Phase != plan.PhaseActive || !p.outcome.remaining.Empty() || s.backoffs.next(time.Now()) > 0 {
		return
	}
	if p.outcome.total() == len(p.decision.Actions) {
		s.settled = s.loaded.source.Push
	}
	if len(p.decision.Actions) > 0 || len(s.backoffs) > 0 {
		return
	}
	if n := c.inSync(p.key, s); s.wrote && !s.announced && n > 0 && quiet {
		s.announced = true
		c.recorder.Normal(ctx, warningKey{subject: p.key}.eventSubject(s.uid), reasonReplicated,
			fmt.Sprintf("in sync at all of its targets, %d in number", n))
	}
	s.wrote = false
}

// inSync counts the replicas of an active source that are in sync.
func (c *Controller) inSync(key informers.Key, s *state) int {
	if s.source == nil {
		return 0
	}
	digests := []informers.Digest{s.source.Push, s.source.Pull, s.source.PullKeys}
	return c.cluster.CountReplicas(key, func(r *informers.Replica) bool {
		_, found := s.findings[r.NamespacedName]
		return !found && slices.Contains(digests, r.Digest)
	})
}

// count adds up the numbers of all sources, for the metrics.
func (c *Controller) count() (sources map[string]int, places map[plan.State]int) {
	sources, places = map[string]int{}, map[plan.State]int{}
	for key, s := range c.states.all() {
		s.mu.Lock()
		if s.condition != "" {
			sources[s.condition]++
		}
		for state, n := range s.findings.count() {
			places[state] += n
		}
		if n := c.inSync(key, s); n > 0 {
			places[plan.InSync] += n
		}
		s.mu.Unlock()
	}
	return sources, places
}
