package replicator

import (
	"context"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// Simulate does to the listed cluster what a Controller would do, until nothing is left to do at once, and returns the
// writes in their order. What waits for the grace is in the Decisions afterwards.
func (i *Inspector) Simulate(ctx context.Context) ([]Write, error) {
	var all []Write
	done := map[Write]struct{}{}
	for again := true; again; {
		again = false
		for _, key := range slices.SortedFunc(maps.Keys(i.passes), compareKeys) {
			p := i.passes[key]
			if p == nil {
				continue
			}
			for _, w := range p.writes() {
				identity := Write{Verb: w.Verb, Object: w.Object, Source: w.Source, Secret: w.Secret}
				if _, twice := done[identity]; twice {
					continue
				}
				done[identity], again = struct{}{}, true
				all = append(all, w)
			}
			if err := i.apply(p); err != nil {
				return nil, err
			}
			if err := i.Decide(ctx); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// apply does what a pass decided.
func (i *Inspector) apply(p *pass) error {
	if p.resolution.Phase == plan.PhaseRestorable {
		return i.applyRestore(p)
	}
	if p.savesPolicy() {
		record := *p.save
		record.Identity = informers.Identity{
			NamespacedName: recordName(p.world.Settings.Namespace, p.key), Version: i.edited.next(),
		}
		record.Policy = p.state.policy
		i.cluster.ObserveRecord(&record)
	}
	for n := range p.decision.Actions {
		a := &p.decision.Actions[n]
		switch a.Verb {
		case plan.Delete:
			i.cluster.Drop(a.Object(p.key.Kind))
		case plan.Attach, plan.Detach:
			sa := changedAccount(a, p.key.NamespacedName)
			sa.Version = i.edited.next()
			i.cluster.ObserveAccount(sa)
		default:
			i.cluster.Observe(p.key.Kind, i.written(p, a))
		}
	}
	return nil
}

// applyRestore writes the saved policy onto the source.
func (i *Inspector) applyRestore(p *pass) error {
	object, err := clone(p.observed.object)
	if err != nil {
		return err
	}
	notes := maps.Clone(object.GetAnnotations())
	if notes == nil {
		notes = map[string]string{}
	}
	maps.Copy(notes, p.observed.record.Annotations)
	object.SetAnnotations(notes)
	return i.Edit(object)
}

// written returns what an action makes of an object.
func (i *Inspector) written(p *pass, a *plan.Action) *informers.Replica {
	src := &p.world.Source
	r := informers.Replica{Identity: informers.Identity{
		NamespacedName: a.Target, UID: types.UID("new-" + a.Target.String()), Created: time.Now(),
	}}
	if id := a.Occupant.Identity(); id != nil && a.Verb != plan.Recreate {
		r.Identity = *id
	}
	immutable := false
	if was := a.Occupant.Marked(); was != nil && a.Verb == plan.Update {
		r.Claims, immutable = was.Claims, was.Immutable
	}
	r.Version, r.Source, r.Type = i.edited.next(), p.key.NamespacedName, src.Type
	if a.Verb != plan.Fill {
		r.Mode, r.Digest, r.Keep = annotations.ReplicaPush, src.Pushed(a.Plain), src.Policy.OnDelete == annotations.Keep
		if immutable {
			r.Immutable, r.Digest = true, informers.Digest{} // it has to be made again
		}
		return &r
	}
	r.Mode, r.Digest, r.Claims = annotations.ReplicaPull, src.Pulled(a.Pull.Dialect), a.Occupant.Claims()
	return &r
}
