package simulation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// Step is one change to the cluster, its processes or its faults.
type Step struct {
	Number int
	// After is the time since the step before.
	After time.Duration
	// Text describes the step.
	Text    string
	execute func(context.Context, *World) error
	// hostile says that a hostile tenant does it, who has no rights but in their own namespaces.
	hostile bool
}

// History is what happens in one cluster, as data.
type History struct {
	Seed     uint64
	Settings Settings
	Steps    []Step
}

// Generate returns the history of a seed.
func Generate(seed uint64) History {
	r := newRandom(seed, "settings", 0)
	h := History{Seed: seed, Settings: Settings{
		Grace:   pick(r, 10*time.Second, time.Minute, time.Minute, 5*time.Minute),
		Workers: pick(r, 1, 2, 4), Writes: pick(r, 1, 4, 16),
		Lease: r.oneIn(4), NoWatchList: r.oneIn(3), Rules: anyRules(r), Hostile: r.oneIn(2),
	}}
	n := 20 + r.IntN(35)
	for i := 0; i < n; i++ {
		step := newRandom(seed, "step", i)
		steps := generateStep(step, &h.Settings, i)
		if i < 4 {
			steps = putSource(step, fmt.Sprintf("tok-%d", i), &h.Settings)
		}
		for _, s := range steps {
			s.Number = i
			h.Steps = append(h.Steps, s)
		}
	}
	return h
}

// pause returns the time until the next step, mostly so short that the controller is still working.
func pause(r random) time.Duration {
	switch roll := r.IntN(100); {
	case roll < 45:
		return r.between(0, 20*time.Millisecond)
	case roll < 65:
		return r.between(20*time.Millisecond, time.Second)
	case roll < 82:
		return r.between(time.Second, 10*time.Second)
	case roll < 96:
		return r.between(10*time.Second, 90*time.Second)
	}
	return r.between(90*time.Second, 12*time.Minute)
}

// stepKinds are the kinds of steps, weighted by how often they happen.
var stepKinds = []struct {
	weight int
	make   func(r random, token string, s *Settings) []Step
}{
	{18, putSource}, {7, editSource}, {7, editPolicy}, {4, editUnrelated}, {4, deleteSource}, {10, recreate},
	{8, changeNamespace}, {4, createOrDeleteNamespace}, {10, tamper}, {5, unrelatedObject}, {7, forge}, {7, puller},
	{3, peer},
	{5, account}, {9, kill}, {6, changeFaultProfile}, {2, compact}, {2, takeover}, {12, race}, {5, changeRules},
}

// hostileShare is how many of 100 steps are the hostile tenants', where there are any.
const hostileShare = 30

func generateStep(r random, settings *Settings, number int) []Step {
	if settings.Hostile && r.percent(hostileShare) {
		steps := hostile(r, fmt.Sprintf("tok-%d", number), settings)
		if steps[0].After == 0 {
			steps[0].After = pause(r)
		}
		for i := range steps {
			steps[i].hostile = true
		}
		return steps
	}
	total := 0
	for _, d := range stepKinds {
		total += d.weight
	}
	roll := r.IntN(total)
	for _, d := range stepKinds {
		if roll -= d.weight; roll < 0 {
			steps := d.make(r, fmt.Sprintf("tok-%d", number), settings)
			if steps[0].After == 0 {
				steps[0].After = pause(r)
			}
			return steps
		}
	}
	return nil
}

func one(text string, execute func(context.Context, *World) error) []Step {
	return []Step{{Text: text, execute: execute}}
}

func describePolicy(p map[string]string) string {
	text := ""
	for _, k := range sortedKeys(p) {
		if text != "" {
			text += " "
		}
		text += fmt.Sprintf("%s=%q", k, p[k])
	}
	return text
}

func putSource(r random, token string, _ *Settings) []Step {
	p := sourcePlace(r)
	i := &item{kind: p.kind, kindType: anyType(r, p), immutable: r.oneIn(15)}
	i.Namespace, i.Name, i.Labels, i.Annotations = p.Namespace, p.Name, labels(r), policy(r)
	if slices.Contains(refused, i.kindType) {
		delete(i.Annotations, annotations.OnDelete) // there is no record of a source that is refused
	}
	if r.oneIn(4) {
		i.Annotations["note"] = pick(r, "one", "two")
		i.Annotations["example.com/note"] = "three"
	}
	i.data = content(i.kindType, token)
	frozen := ""
	if i.immutable {
		frozen = ", immutable"
	}
	return one(fmt.Sprintf("create the source %s of type %q%s: %s", p, i.kindType, frozen, describePolicy(i.Annotations)),
		func(ctx context.Context, w *World) error { return w.workload.put(ctx, i.clone()) })
}

func editSource(r random, token string, _ *Settings) []Step {
	p := sourcePlace(r)
	return one("change the content of "+p.String(), func(ctx context.Context, w *World) error {
		return w.workload.edit(ctx, p, func(i *item) { i.data = content(i.kindType, token) })
	})
}

func editPolicy(r random, _ string, _ *Settings) []Step {
	p := sourcePlace(r)
	if r.oneIn(4) {
		return one("take the annotations off "+p.String(), func(ctx context.Context, w *World) error {
			return w.workload.edit(ctx, p, func(i *item) { i.Annotations = nil })
		})
	}
	to := policy(r)
	return one(fmt.Sprintf("change the policy of %s: %s", p, describePolicy(to)),
		func(ctx context.Context, w *World) error {
			return w.workload.edit(ctx, p, func(i *item) { i.Annotations = to })
		})
}

func editUnrelated(r random, token string, _ *Settings) []Step {
	p := sourcePlace(r)
	color := pick(r, "red", "blue", "green")
	return one(fmt.Sprintf("label %s color=%s, and note", p, color), func(ctx context.Context, w *World) error {
		return w.workload.edit(ctx, p, func(i *item) { i.Labels["color"], i.Annotations["note"] = color, token })
	})
}

func deleteSource(r random, _ string, _ *Settings) []Step {
	p := sourcePlace(r)
	return one("delete "+p.String(), func(ctx context.Context, w *World) error { return w.workload.remove(ctx, p) })
}

// recreate deletes a source and creates it again, as some tools do to rotate it.
func recreate(r random, token string, s *Settings) []Step {
	p := sourcePlace(r)
	wait := r.between(time.Millisecond, s.Grace/2)
	how, change := " with its annotations", func(*item) {}
	switch r.IntN(8) {
	case 0, 1, 2:
		how, change = " without annotations", func(i *item) { i.Annotations = nil }
	case 3:
		to := policy(r)
		how, change = " with another policy: "+describePolicy(to), func(i *item) { i.Annotations = to }
	case 4:
		if p.kind == annotations.Secret {
			how, change = " as another type", func(i *item) { i.kindType, i.data = "example.com/new", content("", token) }
		}
	case 5:
		wait = r.between(s.Grace/2, 3*s.Grace)
	}
	steps := one("delete "+p.String()+", to create it again",
		func(ctx context.Context, w *World) error { return w.workload.remove(ctx, p) })
	if r.oneIn(3) {
		steps = append(steps, killStep(r, r.between(0, wait/2), s))
	}
	return append(steps, Step{
		After: wait, Text: "create " + p.String() + " again" + how,
		execute: func(ctx context.Context, w *World) error { return w.workload.restore(ctx, p, token, change) },
	})
}
