package simulation

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// Each of these takes away what one tenant could gain at the expense of another, or of their own past. They notice when
// the controller loses a guard; the named mutants of cmd/mutants name them.

func restores(p place, after time.Duration) Step {
	return Step{Text: "create " + p.String() + " again", After: after, execute: func(ctx context.Context, w *World) error {
		return w.workload.restore(ctx, p, "tok-2", func(*item) {})
	}}
}

// killsAll ends the controllers, lets something happen while there is none, and starts one.
func killsAll(text string, meanwhile func(context.Context, *World) error) Step {
	return Step{Text: "restart: " + text, After: 5 * time.Second, execute: func(ctx context.Context, w *World) error {
		for _, p := range w.processes {
			p.kill()
		}
		w.processes = nil
		defer w.start()
		return meanwhile(ctx, w)
	}}
}

// ownerOf returns the source that the object in a place names.
func ownerOf(w *World, p place) (owner place) {
	if v := w.oracle.items[p]; v != nil {
		owner, _ = sourceOf(v.item)
	}
	return owner
}

func TestNameOfRotated(t *testing.T) {
	source := at(annotations.Secret, "platform", "app")
	scenario(t, "a source that is rotated finds its name free",
		puts(secretAt(source, map[string]string{annotations.PushTo: "dev-a"})),
		puts(secretAt(at(annotations.Secret, "team-a", "app"), map[string]string{annotations.PushTo: "*"})),
		removes(source),
		restores(source, 20*time.Second),
		expects("it is a source again", func(w *World) bool { return w.oracle.items[source].phase == active }),
	)
}

func TestRotatedSenior(t *testing.T) {
	source, target := at(annotations.Secret, "platform", "app"), at(annotations.Secret, "team-c", "app")
	scenario(t, "a source that is rotated keeps its place in line",
		puts(secretAt(source, map[string]string{annotations.PushTo: "team-*"})),
		puts(secretAt(at(annotations.Secret, "dev-a", "app"), map[string]string{annotations.PushTo: "team-*"})),
		removes(source),
		restores(source, 20*time.Second),
		Step{Text: "create namespace team-c", After: 20 * time.Second, execute: func(ctx context.Context, w *World) error {
			return w.workload.createNamespace(ctx, target.Namespace, nil)
		}},
		expects("the new namespace has its replica", func(w *World) bool {
			return ownerOf(w, target) == source
		}),
	)
}

func TestRecreatedPlace(t *testing.T) {
	owner, senior := at(annotations.Secret, "dev-a", "app"), at(annotations.Secret, "platform", "app")
	push := map[string]string{annotations.PushTo: "team-a"}
	steps := []Step{
		puts(secretAt(senior, nil)),
		Step{Text: "create the owner", After: 2 * time.Second, execute: puts(secretAt(owner, push)).execute},
		edits(senior, func(i *item) { i.Annotations = push }),
	}
	for n := range 10 {
		steps = append(steps, Step{Text: "have the owner become of another type", After: 10 * time.Second,
			execute: func(ctx context.Context, w *World) error {
				i := secretAt(owner, push)
				i.kindType = []string{"example.com/other", "Opaque"}[n%2]
				return w.workload.put(ctx, i)
			}})
	}
	steps = append(steps, expects("the owner still has it", func(w *World) bool {
		return ownerOf(w, at(annotations.Secret, "team-a", "app")) == owner
	}))
	scenario(t, "a replica that is made again leaves its place to nobody", steps...)
}

// relabels changes a label of a namespace and puts it back at once.
func relabels(name string) Step {
	return Step{Text: "take a label off namespace " + name + ", and put it back",
		execute: func(ctx context.Context, w *World) error {
			for _, tier := range []string{"db", "web"} {
				err := w.workload.editNamespace(ctx, name, func(ns *corev1.Namespace) { ns.Labels["tier"] = tier })
				if err != nil {
					return err
				}
			}
			return nil
		}}
}

func TestStaleNamespace(t *testing.T) {
	source, replica := at(annotations.Secret, "platform", "app"), at(annotations.Secret, "team-a", "app")
	var uid types.UID
	scenario(t, "a label that was off for a moment costs no replica",
		puts(secretAt(source, map[string]string{annotations.PushToSelector: "tier=web"})),
		expects("there is a replica", func(w *World) bool {
			uid = w.oracle.items[replica].UID
			return true
		}),
		relabels("team-a"),
		expects("it is the same replica", func(w *World) bool {
			r := w.oracle.items[replica]
			return r != nil && r.UID == uid
		}),
	)
}

func TestStaleNamespaceOfRules(t *testing.T) {
	source, replica := at(annotations.Secret, "platform", "app"), at(annotations.Secret, "team-a", "app")
	for _, name := range []string{"team-a", "platform"} {
		var uid types.UID
		scenario(t, "nor does it where the rules say so, on namespace "+name,
			writesRules(webRules),
			puts(secretAt(source, map[string]string{annotations.PushTo: "team-a"})),
			expects("there is a replica", func(w *World) bool {
				uid = w.oracle.items[replica].UID
				return true
			}),
			relabels(name),
			expects("it is the same replica", func(w *World) bool {
				r := w.oracle.items[replica]
				return r != nil && r.UID == uid
			}),
		)
	}
}

func TestForgottenRecord(t *testing.T) {
	source := at(annotations.Secret, "platform", "app")
	scenario(t, "the record of a source that is gone goes with the last replica",
		puts(secretAt(source, map[string]string{annotations.PushTo: "team-a", annotations.OnDelete: "keep"})),
		removes(source),
		Step{Text: "delete the kept replica", After: 5 * time.Minute, execute: func(ctx context.Context, w *World) error {
			return w.workload.remove(ctx, at(annotations.Secret, "team-a", "app"))
		}},
		expects("there is no record", func(w *World) bool {
			_, _, record := w.oracle.record(source)
			return record == nil
		}),
	)
}

func TestLostRecord(t *testing.T) {
	source, replica := at(annotations.Secret, "platform", "app"), at(annotations.Secret, "team-a", "app")
	scenario(t, "a replica that is to be kept stays where the record is lost",
		puts(secretAt(source, map[string]string{annotations.PushTo: "team-a", annotations.OnDelete: "keep"})),
		killsAll("the source and its record are deleted", func(ctx context.Context, w *World) error {
			_, _, record := w.oracle.record(source)
			if err := w.workload.remove(ctx, record.place()); err != nil {
				return err
			}
			return w.workload.remove(ctx, source)
		}),
		Step{Text: "time goes by", After: 5 * time.Minute, execute: func(context.Context, *World) error { return nil }},
		expects("it is still there", func(w *World) bool { return w.oracle.items[replica] != nil }),
	)
}

// The oracle checks what events are recorded on.
func TestEventOnStranger(t *testing.T) {
	stranger := at(annotations.Secret, "platform", "app")
	marks, notes := replicaMarks(annotations.ReplicaPush, stranger.NamespacedName)
	forged := secretAt(at(annotations.Secret, "team-a", "app"), notes)
	forged.Labels = marks
	scenario(t, "nothing is said about an object that somebody else's forgery names",
		puts(forged),
		puts(secretAt(stranger, nil)),
	)
}

func TestStartBeforeRules(t *testing.T) {
	source, replica := at(annotations.Secret, "platform", "app"), at(annotations.Secret, "team-a", "app")
	labelled := secretAt(source, map[string]string{annotations.PushTo: "team-a", annotations.CopyLabels: "*"})
	labelled.Labels = map[string]string{"example.com/team": "one"}
	scenario(t, "a controller that starts writes nothing before it knows the rules",
		puts(labelled),
		pausesWatches("metadata.name="+rulesPlace.Name),
		killsAll("nothing happens meanwhile", func(context.Context, *World) error { return nil }),
		expects("the replica has the label", func(w *World) bool {
			return w.oracle.items[replica].Labels["example.com/team"] == "one"
		}),
		resumesWatches(),
	)
}
