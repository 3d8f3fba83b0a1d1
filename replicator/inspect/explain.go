package inspect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// Explanation says what an object or a namespace is to Mirrorball, and why.
type Explanation struct {
	// Object is what is explained, and Is what it is, in a few words.
	Object string `json:"object"`
	Is     string `json:"is"`
	Facts  []Fact `json:"facts,omitempty"`
	// Places are, of a source, the namespaces, and of a namespace, what arrives there.
	Places []Place `json:"places,omitempty"`

	unknown []string
}

// Fact is one thing that is so.
type Fact struct {
	About string `json:"about"`
	Text  string `json:"text"`
}

// Place says what is at one place, or why nothing is.
type Place struct {
	Place string     `json:"place"`
	State plan.State `json:"state"`
	Why   string     `json:"why,omitempty"`
}

// NotSelected is the state of a namespace in which no replica is wanted.
const NotSelected plan.State = "NotSelected"

func (e *Explanation) add(about, text string) {
	if text != "" {
		e.Facts = append(e.Facts, Fact{About: about, Text: text})
	}
}

// Object explains an object. In narrows the namespaces of a source to one; empty is all.
func Object(ctx context.Context, i *replicator.Inspector, key informers.Key, in string) *Explanation {
	e := &Explanation{Object: key.String()}
	at := i.Cluster().Get(key)
	claims := at.Claims()
	d, decided := i.Decision(key)
	switch {
	case decided && d.Err != nil:
		e.Is = "not known"
		e.add("error", d.Err.Error())
		e.unknown = append(e.unknown, undecided(&d))
	case at.Pull() != nil:
		e.puller(ctx, i, key, at)
	case at.Marked() != nil:
		e.replica(ctx, i, key, at.Marked())
	case claims != nil && (claims.Policy != nil || len(claims.Problems) > 0):
		e.source(i, &d, in)
	case decided && d.View.Referenced():
		e.formerSource(i, &d, in)
	default:
		e.other(i, key, at)
	}
	return e
}

// source explains a source.
func (e *Explanation) source(i *replicator.Inspector, d *replicator.Decision, in string) {
	claims := d.View.Claims()
	e.Is = "a source, " + string(d.Phase)
	if p := claims.Policy; p != nil {
		e.add("dialect", p.Dialect.String())
		e.policy(p)
	}
	for _, k := range slices.Sorted(maps.Keys(annotationsOf(d))) {
		e.add("annotation", k+": "+annotationsOf(d)[k])
	}
	for _, p := range d.Frozen {
		e.add("frozen", p.String())
	}
	for _, p := range claims.Ignored {
		e.add("ignored", p.String())
	}
	e.findings(d)
	if d.Phase == plan.PhaseActive {
		e.places(i, d, in)
	}
}

func annotationsOf(d *replicator.Decision) map[string]string {
	if c := d.View.Candidate; c != nil {
		return c.Annotations
	}
	return nil
}

// policy says in words what the annotations say.
func (e *Explanation) policy(p *annotations.Policy) {
	if p.Push != nil {
		e.add("pushed to", p.Push.String())
	}
	if p.Pull != nil {
		e.add("may be pulled by", p.Pull.String())
	}
	e.add("never in", p.Exclude.String())
	e.add("name of the replicas", p.TargetName)
	var keys []string
	for _, k := range p.Keys {
		if k.From == k.To {
			keys = append(keys, k.From)
		} else {
			keys = append(keys, k.From+" as "+k.To)
		}
	}
	e.add("data keys", strings.Join(keys, ", "))
	e.add("labels carried over", p.CopyLabels.String())
	e.add("annotations carried over", p.CopyAnnotations.String())
	e.add("attached to ServiceAccounts", p.AttachTo.String())
	e.add("when the source is deleted", map[annotations.Deletion]string{
		annotations.Remove: "the replicas are removed after the grace", annotations.Keep: "the replicas stay",
	}[p.OnDelete])
	if p.SurvivesRecreation {
		e.add("when it is created again", "the policy goes on, also without annotations")
	}
}

// findings adds what the places and the annotations do not show.
func (e *Explanation) findings(d *replicator.Decision) {
	for _, f := range d.Findings {
		if f.Reason != "Ignored" && f.Reason != "Frozen" && !slices.Contains(aboutTargets, f.Reason) {
			e.add("finding "+f.Reason, f.Note)
		}
	}
}

// places says of each namespace whether it gets a replica, and why not.
func (e *Explanation) places(i *replicator.Inspector, d *replicator.Decision, in string) {
	verdicts := map[string][]plan.Verdict{}
	for _, v := range d.Plan.Verdicts {
		verdicts[v.Namespace] = append(verdicts[v.Namespace], v)
	}
	for _, ns := range i.Cluster().Namespaces() {
		if in != "" && ns.Name != in {
			continue
		}
		for _, v := range verdicts[ns.Name] {
			why := v.Reason
			if v.Pull {
				why = strings.TrimSpace("it pulls; " + why)
			}
			e.Places = append(e.Places, Place{Place: v.String(), State: v.State, Why: strings.TrimSuffix(why, ";")})
		}
		if len(verdicts[ns.Name]) == 0 {
			e.Places = append(e.Places, Place{Place: ns.Name, State: NotSelected, Why: unselected(d, ns)})
		}
	}
}

// unselected says why a namespace is no target.
func unselected(d *replicator.Decision, ns *informers.Namespace) string {
	p := d.World.Source.Policy
	switch {
	case ns.Name == d.Namespace:
		return "it is the source's own namespace"
	case p.Push == nil:
		return "the source is not pushed anywhere"
	case p.Exclude.Match(ns.Name):
		return "excluded by " + p.Exclude.String()
	}
	return "not among " + p.Push.String()
}

// formerSource explains what is named as a source, and is none (any more).
func (e *Explanation) formerSource(i *replicator.Inspector, d *replicator.Decision, in string) {
	e.Is = "no source, but named as one; " + string(d.Phase)
	if d.Phase == plan.PhaseOutOfReach {
		e.Is = "named as a source, " + string(d.Phase)
		e.add("why", "its namespace is not in --namespaces, or cannot be read; its replicas stay as they are")
	}
	e.findings(d)
	if d.View.Record != nil {
		e.add("saved policy", "ConfigMap "+d.View.Record.String())
	}
	for _, t := range targets(i, d) {
		if in == "" || t.Namespace == in {
			e.Places = append(e.Places, Place{Place: t.Namespace + "/" + t.Name, State: t.State, Why: t.Reason})
		}
	}
	if d.Waits > 0 {
		e.add("waits", fmt.Sprintf("%d writes in %s, if nothing changes", len(d.Later), d.Waits))
	}
}

// replica explains a pushed replica.
func (e *Explanation) replica(ctx context.Context, i *replicator.Inspector, key informers.Key, r *informers.Replica) {
	e.Is = "a replica"
	e.add("source", r.Source.String())
	if r.Mode != annotations.ReplicaPush {
		e.Is = "an object with marks of a replica; its owner's"
		return
	}
	e.relation(ctx, i, informers.Key{Kind: key.Kind, NamespacedName: r.Source}, key.NamespacedName)
}

// puller explains an object that pulls.
func (e *Explanation) puller(ctx context.Context, i *replicator.Inspector, key informers.Key, at informers.Occupant) {
	e.Is = "an object that pulls"
	e.add("source", at.Pull().From.String())
	for _, p := range at.Problems() {
		e.add("frozen", p.String())
	}
	e.relation(ctx, i, informers.Key{Kind: key.Kind, NamespacedName: at.Pull().From}, key.NamespacedName)
}

// relation says how an object stands to its source.
func (e *Explanation) relation(
	ctx context.Context, i *replicator.Inspector, source informers.Key, at types.NamespacedName,
) {
	d, ok := i.Decision(source)
	if d.Err != nil {
		e.add("the source", "is not known: "+d.Err.Error())
		e.unknown = append(e.unknown, undecided(&d))
		return
	}
	if !ok || d.Phase == plan.PhaseUnknown {
		e.add("the source", "there is none, or it has no annotations that allow this")
		return
	}
	e.add("the source", "is "+string(d.Phase))
	if p := d.View.Claims(); p != nil && p.Policy != nil {
		e.add("allowed by", Summary(p.Policy))
	}
	for _, v := range d.Plan.Verdicts {
		if v.NamespacedName != at {
			continue
		}
		e.add("state", strings.TrimSuffix(string(v.State)+": "+v.Reason, ": "))
		if v.State == plan.Drifted {
			e.difference(ctx, i, source, at)
		}
	}
}

func (e *Explanation) difference(
	ctx context.Context, i *replicator.Inspector, source informers.Key, at types.NamespacedName,
) {
	d, err := i.Difference(ctx, source, at)
	if err != nil {
		e.add("differs", "not known: "+err.Error())
		e.unknown = append(e.unknown, err.Error())
		return
	}
	e.add("missing keys", strings.Join(d.Missing, ", "))
	e.add("surplus keys", strings.Join(d.Surplus, ", "))
	e.add("keys with other values", strings.Join(d.Changed, ", "))
	e.add("labels and annotations", strings.Join(d.Marks, ", "))
	if d.Type {
		e.add("type", "is not the source's")
	}
	if d.Immutable {
		e.add("immutable", "is not as the source's")
	}
}

// other explains an object that is nothing to Mirrorball.
func (e *Explanation) other(i *replicator.Inspector, key informers.Key, at informers.Occupant) {
	e.Is = "nothing to Mirrorball"
	switch claims := at.Claims(); {
	case at.Identity() == nil:
		e.Is = absent
	case claims == nil:
		e.add("why", "it has no annotation that Mirrorball reads")
	default:
		for _, p := range claims.Ignored {
			e.add("ignored", p.String())
		}
	}
	for _, d := range i.Decisions() {
		for _, v := range d.Plan.Verdicts {
			if d.Kind == key.Kind && v.NamespacedName == key.NamespacedName {
				e.add("wanted by "+d.String(), strings.TrimSuffix(string(v.State)+": "+v.Reason, ": "))
			}
		}
	}
}

// Namespace explains what arrives in a namespace, and what is barred.
func Namespace(i *replicator.Inspector, name string) *Explanation {
	e := &Explanation{Object: "Namespace " + name, Is: absent}
	for _, ns := range i.Cluster().Namespaces() {
		if ns.Name == name {
			e.namespace(ns)
		}
	}
	for _, d := range i.Decisions() {
		if d.Err != nil {
			e.unknown = append(e.unknown, undecided(&d))
			continue
		}
		if d.World.Settings.Protects(name) {
			e.Is = "protected: nothing is created or changed in it"
		}
		for _, t := range targets(i, &d) {
			if t.Namespace == name {
				e.Places = append(e.Places, Place{
					Place: d.String(), State: t.State, Why: strings.TrimSuffix(t.Name+": "+t.Reason, ": "),
				})
			}
		}
	}
	return e
}

func (e *Explanation) namespace(ns *informers.Namespace) {
	e.Is = "a namespace"
	switch {
	case ns.Deleting:
		e.Is = "a namespace that is being deleted"
	case ns.Paused:
		e.Is = "a namespace that is paused"
	}
	if ns.Problem != nil {
		e.add("unreadable", ns.Problem.String())
	}
	if ns.AttachProblem != nil {
		e.add("unreadable", ns.AttachProblem.String())
	}
	e.add("accepts pushes from", "every namespace")
	if ns.Accept != nil {
		e.Facts[len(e.Facts)-1].Text = cmp.Or(ns.Accept.String(), "none")
	}
	e.add("accepts attachments from", cmp.Or(ns.AcceptAttach.String(), "whom the rules allow"))
}

// Unknown says what could not be told, and why.
func (e *Explanation) Unknown() []string { return e.unknown }

// IsAbsent reports whether there is no such object, and nothing names it.
func (e *Explanation) IsAbsent() bool { return e.Is == absent && len(e.Facts) == 0 }

// IsFinding reports whether something is not as it should be.
func (e *Explanation) IsFinding() bool {
	return e.Is == absent || slices.ContainsFunc(e.Facts, func(f Fact) bool {
		state, _, _ := strings.Cut(f.Text, ":")
		t := Target{State: plan.State(state)}
		return f.About == "frozen" || strings.HasPrefix(f.About, "finding ") || f.About == "state" && t.IsFinding()
	}) || slices.ContainsFunc(e.Places, func(p Place) bool {
		t := Target{State: p.State}
		return p.State != NotSelected && t.IsFinding()
	})
}

// absent is what an object is that does not exist.
const absent = "not there"
