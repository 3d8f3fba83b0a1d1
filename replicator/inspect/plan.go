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

// NewPlan simulates a controller on the cluster of an Inspector, and reports what concerns the sources that are asked
// about.
func NewPlan(ctx context.Context, i *replicator.Inspector, settings Settings, asked Asked) (*Plan, error) {
	writes, err := i.Simulate(ctx)
	if err != nil {
		return nil, err
	}
	writes = slices.DeleteFunc(writes, func(w replicator.Write) bool { return !asked.about(w.Source) })
	p := &Plan{
		APIVersion: APIVersion, Kind: PlanKind, Settings: settings, Rules: i.Rules(),
		Sum: map[plan.Verb]int{}, Writes: append([]Write{}, NewWrites(writes)...),
	}
	for _, w := range p.Writes {
		p.Sum[w.Verb]++
	}
	for _, d := range i.Decisions() {
		if asked.about(d.Key) {
			p.add(&d)
		}
	}
	return p, nil
}

// add adds what a decision says beside the writes.
func (p *Plan) add(d *replicator.Decision) {
	if d.Err != nil {
		p.Unknown = append(p.Unknown, undecided(d))
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
