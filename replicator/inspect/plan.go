package inspect

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mirrorball-dev/mirrorball/replicator"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// PlanKind is the kind of a Plan.
const PlanKind = "Plan"

// Plan is what a controller would write.
type Plan struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Settings   Settings `json:"settings"`
	Rules      string   `json:"rules"`
	// Sum counts the Writes by verb.
	Sum    map[plan.Verb]int `json:"sum"`
	Writes []Write           `json:"writes"`
	// Later are writes that wait for a grace, if nothing changes until then.
	Later []Later `json:"later,omitempty"`
	// Findings are what people are told beside the writes: where targets are occupied, what freezes a source.
	Findings []Finding `json:"findings,omitempty"`
	Unknown  []string  `json:"unknown,omitempty"`
}

// Later are the writes on account of one source that wait.
type Later struct {
	Source string  `json:"source"`
	Waits  string  `json:"waits"`
	Writes []Write `json:"writes"`
}

// NewPlan simulates a controller on the cluster of an Inspector.
func NewPlan(ctx context.Context, i *replicator.Inspector, settings Settings) (*Plan, error) {
	writes, err := i.Simulate(ctx)
	if err != nil {
		return nil, err
	}
	p := &Plan{
		APIVersion: APIVersion, Kind: PlanKind, Settings: settings, Rules: i.Rules(),
		Writes: append([]Write{}, NewWrites(writes)...),
	}
	p.count()
	for _, d := range i.Decisions() {
		if d.Err != nil {
			p.Unknown = append(p.Unknown, undecided(&d))
		}
		if len(d.Later) > 0 {
			p.Later = append(p.Later, Later{
				Source: d.String(), Waits: d.Waits.Round(1e9).String(), Writes: NewWrites(d.Later),
			})
		}
		for _, f := range d.Findings {
			p.Findings = append(p.Findings, Finding{Object: f.Object.String(), Reason: f.Reason, Note: f.Note})
		}
	}
	return p, nil
}

// verbs are those of a Plan in the order in which they are counted.
var verbs = []plan.Verb{
	plan.Create, plan.Update, plan.Recreate, plan.Adopt, plan.Fill, plan.Delete, plan.Attach, plan.Detach,
	replicator.VerbRestore, replicator.VerbSave, replicator.VerbForget,
}

// Total says in one line what is written: "3 create, 1 update, 120 delete".
func (p *Plan) Total() string {
	var parts []string
	for _, v := range verbs {
		if n := p.Sum[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	if len(parts) == 0 {
		return "nothing to write"
	}
	return strings.Join(parts, ", ")
}

// Narrow leaves the writes on account of sources that a function returns true for.
func (p *Plan) Narrow(source func(s string) bool) {
	p.Writes = slices.DeleteFunc(p.Writes, func(w Write) bool { return !source(w.Source) })
	p.Later = slices.DeleteFunc(p.Later, func(l Later) bool { return !source(l.Source) })
	p.count()
}

func (p *Plan) count() {
	p.Sum = map[plan.Verb]int{}
	for _, w := range p.Writes {
		p.Sum[w.Verb]++
	}
}
