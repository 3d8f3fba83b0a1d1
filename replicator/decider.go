package replicator

import (
	"context"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// decider decides on sources: what each is, and what follows. It only reads, so that an Inspector decides by it as a
// Controller does.
type decider struct {
	*observer
	rulebook *rulebook
}

// resolve finds out what the source of a pass is.
func (d *decider) resolve(ctx context.Context, p *pass) error {
	var err error
	if p.observed, err = d.observe(ctx, p.key, p.state); err != nil {
		return err
	}
	p.resolution = plan.Resolve(p.observed.Facts)
	p.commit()
	return nil
}

// decide compares the cluster with what the source says, unless matching the policy is unfinished.
func (d *decider) decide(p *pass) {
	p.world = d.snapshot(p)
	if !p.world.Unfinished {
		p.decision = plan.Make(&p.world)
	}
}

// commit takes the resolution into the state. A pass looks at everything unless the source was and is active, and is
// unchanged.
func (p *pass) commit() {
	s := p.state
	s.missingSince = p.resolution.MissingSince
	switch p.resolution.Phase {
	case plan.PhaseActive, plan.PhaseFrozen, plan.PhaseRefused:
	default:
		s.loaded = nil // it has to be read again, whatever version is seen
	}
	if p.resolution.Phase != plan.PhaseActive || s.phase != plan.PhaseActive || p.observed.reloaded {
		p.scope = informers.FullScope()
	}
}

// giveUp frees the places of a source that has left, once it is not waited for any more.
func (d *decider) giveUp(p *pass) {
	switch p.resolution.Phase {
	case plan.PhaseMissing, plan.PhaseRecreated, plan.PhaseRestorable, plan.PhaseStale,
		plan.PhaseOutOfReach:
	default:
		d.cluster.GiveUp(p.key, p.observed.view.Departed)
	}
}

// snapshot gathers what the decision depends on.
func (d *decider) snapshot(p *pass) plan.World {
	w := plan.World{
		Key: p.key, Phase: p.resolution.Phase, KeepsMarked: p.resolution.KeepsMarked, Settings: d.settings,
		Rules: d.rulebook.current(),
	}
	query := informers.Query{Key: p.key, Scope: p.scope, SourceNamespaces: d.sourceNamespaces}
	switch {
	case w.Phase == plan.PhaseActive:
		w.Source, w.Incompatible = *p.state.loaded.source, p.state.incompatible
		query.Policy = w.Source.Policy
	case !w.Phase.Removes():
		return w
	}
	w.Snapshot, w.Brake = d.cluster.Snapshot(query), d.brakeOf(p)
	return w
}
