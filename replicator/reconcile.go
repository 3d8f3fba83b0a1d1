package replicator

import (
	"context"
	"time"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// pass is one reconciliation of one source.
type pass struct {
	key   informers.Key
	state *state
	// scope is what the pass looks at; urgent says that people wait for it, more that another pass has to follow, and
	// extra that it is an extra worker's, which has to be free again soon.
	scope               informers.Scope
	urgent, more, extra bool
	// confirmed says that the caches had nothing any more, when the pass began, that was over when this process began to
	// lead. Without that nothing is removed.
	confirmed bool
	// The rest is what the steps came to.
	observed   observation
	resolution plan.Resolution
	world      plan.World
	decision   plan.Plan
	outcome    outcome
	// recordErr says why the policy could not be recorded.
	recordErr error
	// save and found are an Inspector's: the record that there has to be of an active source, and what is to be said.
	save  *informers.Record
	found warnings
}

// unconfirmedPause is how long a removal waits before the next look at whether the caches are confirmed.
const unconfirmedPause = 200 * time.Millisecond

// reconcile makes one pass over a source. What it does not get done is pending afterwards.
func (c *Controller) reconcile(ctx context.Context, key informers.Key) (result, error) {
	p := c.begin(key)
	if err := c.decider.resolve(ctx, p); err != nil {
		c.pending.add(key, informers.Change{Scope: p.scope})
		return done, err
	}
	if !p.confirmed && p.resolution.Phase.Ends() {
		c.pending.add(key, informers.Change{Scope: p.scope})
		return requeueAfter(unconfirmedPause), nil
	}
	if err := c.deleteReleasedRecord(ctx, p); err != nil {
		c.pending.add(key, informers.Change{Scope: p.scope})
		return done, err
	}
	c.decider.giveUp(p)
	switch p.resolution.Phase {
	case plan.PhaseRestorable:
		if p.state.backoffs.remaining(restoreKey(p.key), time.Now()) == 0 {
			return c.restore(ctx, p)
		}
	case plan.PhaseActive:
		p.recordErr = c.records.update(ctx, p, c.cluster.Since(key))
	}

	c.decider.decide(p)
	if p.world.Unfinished {
		c.pending.add(key, informers.Change{Scope: p.scope, Urgent: p.urgent})
		return result{requeue: requeueNow}, nil
	}
	if p.state.rules != p.world.Rules {
		// What is written on account of the rules is no repair.
		p.state.rules, p.state.syncedDigest = p.world.Rules, informers.Digest{}
	}
	if !c.confirm(ctx, p) {
		c.pending.add(key, informers.Change{Scope: p.scope})
		return result{requeue: requeueWithBackoff}, nil
	}
	again := c.attached.update(ctx, p)
	p.outcome = c.executors.execute(ctx, p)
	p.outcome.merge(again)
	p.state.brake.passed(p)
	p.outcome.remaining.Add(informers.ObjectScope(p.decision.Undecided...))
	c.pending.add(key, informers.Change{Scope: p.outcome.remaining})
	if ctx.Err() != nil {
		return done, ctx.Err()
	}
	c.reporter.report(ctx, p)
	err := c.cleanUp(ctx, p)
	return c.requeue(p), err
}

// begin takes what is pending for a source.
func (c *Controller) begin(key informers.Key) *pass {
	s, now := c.states.get(key), time.Now()
	change, more := c.pending.take(key)
	if change.Deleted {
		s.deletedAt = now
	}
	//mutant:confirmed-caches
	confirmed := c.cluster.Confirmed()
	p := &pass{
		key: key, state: s, scope: change.Scope, urgent: change.Urgent, more: more, extra: c.queue.IsExtra(key),
		confirmed: confirmed,
	}
	s.backoffs.expire(now)
	due := s.backoffs.due(now)
	if !s.brake.waitingSince.IsZero() && s.brake.remaining(c.options.SourceDeleteGrace, now) <= time.Millisecond {
		due = informers.FullScope()
	}
	if p.urgent && !p.scope.Full && !due.Empty() {
		c.pending.add(key, informers.Change{Scope: due})
		p.more = true
	} else {
		p.scope.Add(due)
	}
	return p
}

// deleteReleasedRecord deletes the record of a source whose policy was taken off, before its replicas are removed: once
// they are gone and what the watch last showed is given up, the record would be all that is known, and bring the policy
// back.
func (c *Controller) deleteReleasedRecord(ctx context.Context, p *pass) error {
	if record := p.releasedRecord(); record != nil {
		return c.records.deleteNow(ctx, record)
	}
	return nil
}

// releasedRecord returns the record of a source whose policy was taken off, or nil.
func (p *pass) releasedRecord() *informers.Record {
	if p.resolution.Phase != plan.PhaseReleased {
		return nil
	}
	return p.observed.record
}

// requeue says when to look at the source again, apart from further changes.
func (c *Controller) requeue(p *pass) result {
	r := p.outcome.result
	if p.more {
		r.merge(result{requeue: requeueNow})
	}
	if remaining := p.resolution.GraceLeft; remaining > 0 {
		r.merge(requeueAfter(remaining))
	}
	if remaining := p.state.brake.remaining(p.observed.Grace, time.Now()); remaining > 0 {
		r.merge(requeueAfter(remaining))
	}
	if next := p.state.backoffs.next(time.Now()); next > 0 {
		r.merge(requeueAfter(next))
	}
	if p.resolution.Phase.Removes() && len(p.state.backoffs) > 0 {
		r.merge(requeueAfter(2*maxBackoff + time.Second)) // when they have expired, the state can go
	}
	if p.recordErr != nil || p.decision.Err != nil { // the machine may have been slow
		r.merge(requeueAfter(maxBackoff))
	}
	if len(p.decision.Undecided) > 0 || p.resolution.Phase == plan.PhaseStale {
		r.merge(result{requeue: requeueWithBackoff})
	}
	if p.outcome.total() > 0 {
		c.queue.Forget(p.key) // it makes progress: no need to look less and less often
	}
	return r
}

// cleanUp drops the record and the state of a source of which nothing is left.
func (c *Controller) cleanUp(ctx context.Context, p *pass) error {
	if !p.isOver() {
		return nil
	}
	if record := p.observed.view.Record; record != nil {
		if err := c.records.delete(ctx, p, record); err != nil {
			return err
		}
	}
	if len(p.state.reported) == 0 {
		c.states.drop(p.key, p.state.backoffs)
	}
	return nil
}

// isOver reports whether nothing names the source any more that could have to be removed, kept or restored.
func (p *pass) isOver() bool {
	if p.resolution.Phase == plan.PhaseKept {
		view := &p.observed.view
		//mutant:records-are-forgotten
		return !view.HasReplicas && !view.HasPullers && !view.IsAttached
	}
	return p.resolution.Phase.Removes() && len(p.decision.Actions) == 0 && len(p.decision.Undecided) == 0 &&
		len(p.decision.Braked) == 0
}
