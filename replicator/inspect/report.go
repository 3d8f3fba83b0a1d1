package inspect

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// The version and kind of a Report.
const (
	APIVersion = "audit.mirrorball.dev/v1"
	Kind       = "Audit"
)

// Report is what was found in a cluster.
type Report struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Settings are those of the controller that the report was made for.
	Settings Settings `json:"settings"`
	// Rules says which of the operator's rules are in force.
	Rules string `json:"rules"`
	// InSync says that a controller that starts now would write nothing.
	InSync bool `json:"inSync"`
	// States counts the targets, replicas and objects that pull by their state.
	States  map[plan.State]int `json:"states"`
	Sources []Source           `json:"sources"`
	// Copies are objects with the data of a source that nobody manages; only where they were looked for.
	Copies []Copy `json:"copies,omitempty"`
	// Problems are findings about Mirrorball's own objects.
	Problems []Finding `json:"problems,omitempty"`
	// Unknown says what could not be told, and why.
	Unknown []string `json:"unknown,omitempty"`
}

// Settings are those of the controller that decide what it does.
type Settings struct {
	// From says where they are from.
	From                string   `json:"from"`
	Namespace           string   `json:"namespace"`
	Kinds               []string `json:"kinds"`
	SourceNamespaces    string   `json:"sourceNamespaces"`
	ProtectedNamespaces string   `json:"protectedNamespaces"`
	ReservedNames       string   `json:"reservedNames"`
	SourceDeleteGrace   string   `json:"sourceDeleteGrace"`
	// Namespaces are the only ones that the controller looks at; empty is all.
	Namespaces []string `json:"namespaces,omitempty"`
	// AttachToServiceAccounts says that the controller attaches pull secrets.
	AttachToServiceAccounts bool `json:"attachToServiceAccounts"`
	// Differing are those that differ from the running controller's.
	Differing []string `json:"differing,omitempty"`
}

// Source is a source, or what objects name as one.
type Source struct {
	Kind      annotations.Kind `json:"kind"`
	Namespace string           `json:"namespace"`
	Name      string           `json:"name"`
	// Phase is what the source is: Active, Frozen, Missing and so on.
	Phase plan.Phase `json:"phase,omitempty"`
	// Type is that of an active Secret.
	Type string `json:"type,omitempty"`
	// Dialect is the vocabulary of the annotations, and Policy what they say in short.
	Dialect string `json:"dialect,omitempty"`
	Policy  string `json:"policy,omitempty"`
	// InSync counts those Targets that are in sync.
	InSync  int      `json:"inSync"`
	Targets []Target `json:"targets"`
	// Attached are the ServiceAccounts that name a replica on this source's account, as namespace/name.
	Attached []string `json:"attached,omitempty"`
	// Frozen are the annotations that freeze the source, and Ignored those that have no effect.
	Frozen   []Problem `json:"frozen,omitempty"`
	Ignored  []Problem `json:"ignored,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
	// Writes is what a controller writes now, and Later what it writes after Waits if nothing changes.
	Writes []Write `json:"writes,omitempty"`
	Waits  string  `json:"waits,omitempty"`
	Later  []Write `json:"later,omitempty"`
}

// String returns the kind, the namespace and the name.
func (s *Source) String() string { return string(s.Kind) + " " + s.Namespace + "/" + s.Name }

// Target is a place where a replica belongs or stands, or an object that pulls.
type Target struct {
	Namespace string     `json:"namespace"`
	Name      string     `json:"name"`
	Pull      bool       `json:"pull,omitempty"`
	State     plan.State `json:"state"`
	Reason    string     `json:"reason,omitempty"`
}

// Copy is an object that nobody manages and that has the data of a source.
type Copy struct {
	Object string `json:"object"`
	Source string `json:"source"`
}

// AddCopies adds what was found of the sources that are asked about.
func (r *Report) AddCopies(list []replicator.Copy, asked Asked) {
	for _, c := range list {
		if !asked.about(c.Source) {
			continue
		}
		r.Copies = append(r.Copies, Copy{Object: c.Object.String(), Source: c.Source.String()})
	}
}

// Problem is an annotation that is wrong or has no effect.
type Problem struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Reason string `json:"reason"`
}

// Finding is something that a person should know.
type Finding struct {
	Object string `json:"object"`
	Reason string `json:"reason"`
	Note   string `json:"note"`
}

// Write is a write of a controller.
type Write struct {
	Verb      plan.Verb        `json:"verb"`
	Kind      annotations.Kind `json:"kind"`
	Namespace string           `json:"namespace"`
	Name      string           `json:"name"`
	// Secret is what is added to or taken from a ServiceAccount's imagePullSecrets.
	Secret string `json:"secret,omitempty"`
	Source string `json:"source"`
	Reason string `json:"reason,omitempty"`
}

// New reports on the decisions of an Inspector on the sources that are asked about. Mirrorball's own objects are
// reported on where everything is.
func New(i *replicator.Inspector, settings Settings, asked Asked) *Report {
	r := &Report{
		APIVersion: APIVersion, Kind: Kind, Settings: settings, Rules: i.Rules(), InSync: true, Sources: []Source{},
	}
	for _, d := range i.Decisions() {
		if !asked.about(d.Key) {
			continue
		}
		if d.Err != nil {
			r.Unknown = append(r.Unknown, undecided(&d))
			continue
		}
		r.InSync = r.InSync && len(d.Writes) == 0
		if isReported(&d) {
			r.Sources = append(r.Sources, newSource(i, &d))
		}
	}
	if asked == nil {
		r.Problems = unreadable(i)
	}
	r.count()
	return r
}

// unreadable reports the saved policies that can't be read.
func unreadable(i *replicator.Inspector) []Finding {
	var list []Finding
	for _, record := range i.Unreadable() {
		list = append(list, Finding{
			Object: "ConfigMap " + record.String(), Reason: "RecordUnreadable", Note: record.Problem,
		})
	}
	return list
}

// undecided says what could not be decided on, and why.
func undecided(d *replicator.Decision) string { return d.String() + ": " + d.Err.Error() }

// isReported reports whether a Report lists what was decided on: a source, or what objects name as one.
func isReported(d *replicator.Decision) bool {
	claims := d.View.Claims()
	return claims != nil && (claims.Policy != nil || len(claims.Problems) > 0) || d.View.Referenced() ||
		d.View.HasPullers || len(d.Findings) > 0 || len(d.Writes) > 0
}

func newSource(i *replicator.Inspector, d *replicator.Decision) Source {
	s := Source{
		Kind: d.Kind, Namespace: d.Namespace, Name: d.Name, Phase: d.Phase, Type: d.World.Source.Type,
		Targets: targets(i, d), Frozen: problems(d.Frozen), Writes: NewWrites(d.Writes), Later: NewWrites(d.Later),
	}
	if claims := d.View.Claims(); claims != nil {
		s.Ignored = problems(claims.Ignored)
		if p := claims.Policy; p != nil {
			s.Dialect, s.Policy = p.Dialect.String(), Summary(p)
		}
	}
	for _, f := range d.Findings {
		s.Findings = append(s.Findings, Finding{Object: f.Object.String(), Reason: f.Reason, Note: f.Note})
	}
	for _, sa := range surroundings(i, d).Attached {
		s.Attached = append(s.Attached, sa.String())
	}
	if d.Waits > 0 {
		s.Waits = d.Waits.Round(1e9).String()
	}
	return s
}

// surroundings returns what names a source, in every phase.
func surroundings(i *replicator.Inspector, d *replicator.Decision) informers.Snapshot {
	if d.Phase == plan.PhaseActive {
		return d.World.Snapshot
	}
	return i.Cluster().Snapshot(informers.Query{Key: d.Key, Scope: informers.FullScope()})
}

// targets returns the places of a source. Where it is not active, these are what there is of it.
func targets(i *replicator.Inspector, d *replicator.Decision) []Target {
	list := make([]Target, 0, len(d.Plan.Verdicts))
	seen := map[string]bool{}
	for _, v := range d.Plan.Verdicts {
		list = append(list, Target{Namespace: v.Namespace, Name: v.Name, Pull: v.Pull, State: v.State, Reason: v.Reason})
		seen[v.String()] = true
	}
	around := surroundings(i, d)
	for _, r := range around.Replicas {
		if !seen[r.String()] && r.Mode == annotations.ReplicaPush {
			list = append(list, Target{Namespace: r.Namespace, Name: r.Name, State: undecidedState(d.Phase, r.In)})
		}
	}
	for n := range around.Pullers {
		p := &around.Pullers[n]
		if at := p.Identity().NamespacedName; !seen[at.String()] {
			state := undecidedState(d.Phase, p.In)
			list = append(list, Target{Namespace: at.Namespace, Name: at.Name, Pull: true, State: state})
		}
	}
	slices.SortStableFunc(list, func(a, b Target) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return list
}

func problems(list []annotations.Problem) []Problem {
	var out []Problem
	for _, p := range list {
		out = append(out, Problem{Key: p.Key, Value: p.Value, Reason: p.Reason})
	}
	return out
}

// NewWrites describes writes.
func NewWrites(list []replicator.Write) []Write {
	var out []Write
	for _, w := range list {
		out = append(out, Write{
			Verb: w.Verb, Kind: w.Object.Kind, Namespace: w.Object.Namespace, Name: w.Object.Name, Secret: w.Secret,
			Source: w.Source.String(), Reason: w.Reason,
		})
	}
	return out
}

// count adds up the targets.
func (r *Report) count() {
	r.States = map[plan.State]int{}
	for n := range r.Sources {
		s := &r.Sources[n]
		s.InSync = 0
		for _, t := range s.Targets {
			r.States[t.State]++
			if t.State == plan.InSync {
				s.InSync++
			}
		}
	}
}

// Findings counts what a person should know: the targets that are not in sync, and what a controller says in events.
func (r *Report) Findings() (n int) {
	n = len(r.Problems) + len(r.Copies)
	for i := range r.Sources {
		n += r.Sources[i].Problems()
	}
	return n
}

// quiet are the states that are as somebody wants them to be.
var quiet = []plan.State{plan.InSync, plan.Barred, plan.Terminating, plan.Paused, plan.State(plan.PhaseKept)}

// IsFinding reports whether a target is not as it should be.
func (t *Target) IsFinding() bool { return !slices.Contains(quiet, t.State) }

// aboutTargets are the reasons of findings that the states of the targets show.
var aboutTargets = []string{
	"Occupied", "Conflict", "ReservedName", "NamespaceUnreadable", "NotPermitted", "Mismatched", "NoSource",
}

// Problems counts the targets of a source that are not as they should be, and the findings that are about none of them.
func (s *Source) Problems() (n int) {
	for i := range s.Targets {
		if s.Targets[i].IsFinding() {
			n++
		}
	}
	for _, f := range s.Findings {
		if !slices.Contains(aboutTargets, f.Reason) {
			n++
		}
	}
	return n
}

// undecidedState is the state of what the plan leaves alone: if the source is active, because of the namespace, or
// because the object is being deleted.
func undecidedState(p plan.Phase, in *informers.Namespace) plan.State {
	switch {
	case p != plan.PhaseActive:
		return stateOf(p)
	case in != nil && in.Paused:
		return plan.Paused
	case in != nil && in.Problem != nil && !in.Deleting:
		return plan.Unreadable
	}
	return plan.Terminating
}

// stateOf is the state of what stands on account of a source in a phase in which its targets are not looked at.
func stateOf(p plan.Phase) plan.State {
	switch p {
	case plan.PhaseMissing, plan.PhaseRecreated:
		return plan.State("Source" + p)
	case plan.PhaseUnknown:
		return "NoSource"
	}
	return plan.State(p)
}
