package replicator

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// The verbs of writes that are about a source and not about a replica.
const (
	// VerbRestore writes a saved policy back onto its source.
	VerbRestore plan.Verb = "restore"
	// VerbSave saves a policy, and VerbForget deletes a saved one, in Mirrorball's own namespace.
	VerbSave   plan.Verb = "save"
	VerbForget plan.Verb = "forget"
)

// Write is one write that a Controller would do.
type Write struct {
	Verb plan.Verb
	// Object is what is written to, and Source the source on whose account.
	Object, Source informers.Key
	// New says that there is no object yet.
	New bool
	// Secret is the name that is added to the imagePullSecrets of a ServiceAccount, or taken out.
	Secret string
	// Reason is a clause for people; empty where the verb says it all.
	Reason string
}

// savesPolicy reports whether a Controller writes the record of the source after a pass.
func (p *pass) savesPolicy() bool {
	have := p.observed.view.Record
	return p.save != nil && (have == nil || !have.Same(p.save))
}

// writes returns what a Controller writes after a pass.
func (p *pass) writes() []Write {
	var list []Write
	policy := func(verb plan.Verb, at types.NamespacedName, reason string) {
		object := informers.Key{Kind: annotations.ConfigMap, NamespacedName: at}
		list = append(list, Write{Verb: verb, Object: object, Source: p.key, Reason: reason})
	}
	if r := p.releasedRecord(); r != nil {
		policy(VerbForget, r.NamespacedName, "the annotations were removed from the source")
	}
	switch have := p.observed.view.Record; {
	case p.resolution.Phase == plan.PhaseRestorable:
		return append(list, Write{
			Verb: VerbRestore, Object: p.key, Source: p.key, Reason: "the source was created again without its annotations",
		})
	case p.resolution.Phase == plan.PhaseActive && p.save == nil && have != nil:
		policy(VerbForget, have.NamespacedName, "the policy need not outlive its source any more")
	case p.savesPolicy():
		policy(VerbSave, recordName(p.world.Settings.Namespace, p.key), "the policy has to outlive its source")
		list[len(list)-1].New = have == nil
	case p.isOver() && have != nil && p.releasedRecord() == nil:
		policy(VerbForget, have.NamespacedName, "nothing is left of the source")
	}
	reasons := map[types.NamespacedName]string{}
	for i := range p.decision.Verdicts {
		reasons[p.decision.Verdicts[i].NamespacedName] = p.decision.Verdicts[i].Reason
	}
	for i := range p.decision.Actions {
		a := &p.decision.Actions[i]
		w := Write{
			Verb: a.Verb, Object: a.Object(p.key.Kind), Source: p.key, New: a.Verb == plan.Create, Secret: a.Secret,
		}
		if a.Secret == "" {
			w.Reason = reasons[a.Target]
		}
		list = append(list, w)
	}
	return list
}
