package replicator

import (
	"maps"
	"slices"
	"time"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// Decision is what an Inspector decided on one source. What it refers to is shared and must not be changed.
type Decision struct {
	informers.Key
	// Err says why nothing could be decided; the rest is empty then.
	Err error
	// Phase is what the source is, and Frozen what is wrong where it is frozen.
	Phase  plan.Phase
	Frozen []annotations.Problem
	// View is what the cluster shows of the source, World what the decision depends on, and Plan the decision.
	View  informers.SourceView
	World plan.World
	Plan  plan.Plan
	// Findings is what a Controller says in events.
	Findings []Finding
	// Writes is what a Controller does at once.
	Writes []Write
	// Waits is how long what is in Later waits, for the source to come back or for somebody to notice; 0 if nothing does.
	Waits time.Duration
	Later []Write
}

// Finding is something that a person should know of an object.
type Finding struct {
	// Object is what the finding is about: the source, or an object that pulls from it.
	Object informers.Key
	// Reason is that of the event.
	Reason string
	// Annotation is the key of the annotation that the finding is about, if it is about one.
	Annotation string
	Note       string
}

// Decisions returns the decisions on all sources, and on what is named as a source and is none, sorted.
func (i *Inspector) Decisions() []Decision {
	var all []Decision
	for key, err := range i.failed {
		all = append(all, Decision{Key: key, Err: err})
	}
	for _, p := range i.passes {
		all = append(all, i.decision(p))
	}
	slices.SortFunc(all, func(a, b Decision) int { return compareKeys(a.Key, b.Key) })
	return all
}

// Decision returns the decision on one source; false if nothing makes it one.
func (i *Inspector) Decision(key informers.Key) (Decision, bool) {
	if err := i.failed[key]; err != nil {
		return Decision{Key: key, Err: err}, true
	}
	p := i.passes[key]
	if p == nil {
		return Decision{}, false
	}
	return i.decision(p), true
}

func (i *Inspector) decision(p *pass) Decision {
	d := Decision{
		Key: p.key, Phase: p.resolution.Phase, View: p.observed.view, World: p.world, Plan: p.decision, Writes: p.writes(),
	}
	if d.Phase == plan.PhaseFrozen {
		d.Frozen = p.problems()
	}
	for _, w := range p.found {
		d.Findings = append(d.Findings, Finding{
			Object: w.subject, Reason: w.reason, Annotation: w.annotation, Note: w.note,
		})
	}
	d.Waits, d.Later = i.later(p)
	return d
}

// problems returns what freezes a source.
func (p *pass) problems() []annotations.Problem {
	var list []annotations.Problem
	if claims := p.observed.view.Claims(); claims != nil {
		list = append(list, claims.Problems...)
	}
	if l := p.state.loaded; l != nil && len(list) == 0 {
		list = append(list, l.problems...)
	}
	return list
}

// later returns what a Controller does once the grace is over, if the cluster stays as it is.
func (i *Inspector) later(p *pass) (time.Duration, []Write) {
	wait := p.resolution.GraceLeft
	if len(p.decision.Braked) > 0 {
		wait = p.observed.Grace
	}
	if wait <= 0 {
		return 0, nil
	}
	state := &state{loaded: p.state.loaded, policy: p.state.policy, uid: p.state.uid, brake: p.state.brake}
	after := &pass{key: p.key, state: state, scope: p.scope, observed: p.observed}
	after.observed.Now = p.observed.Now.Add(wait)
	after.observed.MissingSince = p.resolution.MissingSince
	after.resolution = plan.Resolve(after.observed.Facts)
	i.decide(after)
	now := map[Write]struct{}{}
	for _, w := range p.writes() {
		now[w] = struct{}{}
	}
	return wait, slices.DeleteFunc(after.writes(), func(w Write) bool {
		_, too := now[w]
		return too
	})
}

// Unreadable returns the saved policies that can't be read, by name.
func (i *Inspector) Unreadable() []*informers.Record {
	i.mu.Lock()
	defer i.mu.Unlock()
	byName := map[string]*informers.Record{}
	for _, r := range i.unreadable {
		byName[r.String()] = r
	}
	var list []*informers.Record
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		list = append(list, byName[name])
	}
	return list
}
