package replicator

import (
	"fmt"
	"time"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// brake is what a source's passes remember of removals for another reason than its own; see plan.Brake. It is lost with
// the process: the next one waits anew.
type brake struct {
	// own says that the source's annotations have changed, and that not all has been removed that they unselected.
	own bool
	// began is when the first of the removed replicas went.
	began   time.Time
	removed int
	// waitingSince is when removals began to wait, and note what people were told.
	waitingSince time.Time
	note         string
}

// brakeOf gathers what the plan needs to know.
func (d *decider) brakeOf(p *pass) plan.Brake {
	s := &p.state.brake
	excluded := p.resolution.Phase == plan.PhaseReleased && p.observed.Watched == plan.WatchedPolicy
	b := plan.Brake{
		Enforced: excluded || p.resolution.Phase == plan.PhaseActive && !s.own,
		Now:      p.observed.Now, Grace: p.observed.Grace, Since: s.waitingSince,
	}
	if p.observed.Now.Sub(s.began) <= b.Grace {
		b.Removed = s.removed
	}
	if b.Enforced {
		b.Name = p.observed.view.Claims().Policy.ReplicaName(p.key.Name)
		b.Replicas = d.cluster.CountReplicas(p.key, func(r *informers.Replica) bool {
			return r.Mode == annotations.ReplicaPush && r.Name == b.Name
		})
	}
	return b
}

// passed takes in what came of a pass.
func (s *brake) passed(p *pass) {
	b, done := &p.world.Brake, p.outcome.wrote[plan.Delete]
	deletes := 0
	for i := range p.decision.Actions {
		if p.decision.Actions[i].Verb == plan.Delete {
			deletes++
		}
	}
	if counted := p.outcome.braking; counted > 0 {
		if s.removed = b.Removed + counted; b.Removed == 0 {
			s.began = b.Now
		}
	}
	switch braked := p.decision.Braked; {
	case len(braked) > 0 && s.waitingSince.IsZero():
		s.waitingSince = b.Now
		s.note = fmt.Sprintf("%d of %d replicas are not selected any more although the annotations of this source are the "+
			"same (%s); they are removed at %s; to keep them, undo the change of the namespaces' labels or accept-from, of the "+
			"rules, or of --protected-namespaces or --source-namespaces", len(braked), b.Replicas, enumerate(braked),
			s.waitingSince.Add(b.Grace).UTC().Format(time.TimeOnly+"Z"))
	case p.scope.Full && len(braked) == 0 && deletes == 0:
		*s = brake{began: s.began, removed: s.removed}
	case p.scope.Full && s.own && done == deletes:
		s.own = false
	}
}

// remaining returns how long removals still wait; 0 where none does.
func (s *brake) remaining(grace time.Duration, now time.Time) time.Duration {
	if s.waitingSince.IsZero() {
		return 0
	}
	return max(s.waitingSince.Add(grace).Sub(now), time.Millisecond)
}

// setPolicy notes which policy a source has now: as it was read, and as the watch shows it, which takes less memory
// where the two are the same.
func (s *state) setPolicy(read, seen *annotations.Policy) {
	is := read
	if seen.Full() == read {
		is = seen
	}
	s.brake.comparePolicies(s.policy, is)
	s.policy = is
}

// comparePolicies notes whether the source itself has changed what it wants.
func (s *brake) comparePolicies(was, is *annotations.Policy) {
	if was != nil && !was.Equal(is) {
		s.own = true
	}
}

// brakedWarning is what is to be said of removals that wait.
func brakedWarning(p *pass) warnings {
	var list warnings
	if s := &p.state.brake; !s.waitingSince.IsZero() {
		list.add(p.key, p.state.uid, reasonBraked, s.note)
	}
	return list
}
