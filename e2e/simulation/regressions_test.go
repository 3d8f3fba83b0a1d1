package simulation

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

// Each scenario is a minimized history that violated a rule once, written by hand. The rules are the assertion.

// scenario runs a history of these steps, a second apart at least, as a subtest.
func scenario(t *testing.T, name string, steps ...Step) {
	t.Helper()
	scenarioOf(t, name, Settings{Grace: time.Minute, Workers: 2, Writes: 4}, steps...)
}

func scenarioOf(t *testing.T, name string, settings Settings, steps ...Step) {
	t.Helper()
	for i := range steps {
		steps[i].Number = i
		steps[i].After = max(steps[i].After, time.Second)
	}
	h := History{Seed: 1, Settings: settings, Steps: steps}
	t.Run(name, func(t *testing.T) {
		if r := run(t, h); r.Violation != "" {
			t.Errorf("%s: %s", r.Rule, r.Violation)
			for _, line := range r.Trace {
				t.Log(line)
			}
		}
	})
}

func secretAt(p place, notes map[string]string) *item {
	i := &item{kind: p.kind, kindType: "Opaque", data: content("Opaque", "tok-1")}
	i.Namespace, i.Name, i.Annotations = p.Namespace, p.Name, notes
	return i
}

func puts(i *item) Step {
	return Step{Text: "put " + i.place().String(), execute: func(ctx context.Context, w *World) error {
		return w.workload.put(ctx, i.clone())
	}}
}

func edits(p place, change func(*item)) Step {
	return Step{Text: "edit " + p.String(), execute: func(ctx context.Context, w *World) error {
		return w.workload.edit(ctx, p, change)
	}}
}

func removes(p place) Step {
	return Step{Text: "delete " + p.String(), execute: func(ctx context.Context, w *World) error {
		return w.workload.remove(ctx, p)
	}}
}

// pausesWatches holds back one of the controllers' watches until resumesWatches, which must follow.
func pausesWatches(selector string) Step { return pausesWatchesOf("", selector) }

// pausesWatchesOf holds back a watch of one process.
func pausesWatchesOf(process, selector string) Step {
	return Step{Text: "pause the watch of " + selector, execute: func(_ context.Context, w *World) error {
		w.network.pauseWatches(selector, process)
		return nil
	}}
}

func resumesWatches() Step {
	return Step{Text: "resume the watches", execute: func(_ context.Context, w *World) error {
		w.network.resumeWatches()
		return nil
	}}
}

func expects(text string, ok func(*World) bool) Step {
	return Step{Text: text, After: 5 * time.Second, execute: func(_ context.Context, w *World) error {
		w.oracle.locked(func() {
			if !ok(w) {
				w.oracle.violate("expectation", text)
			}
		})
		return nil
	}}
}

func TestCopiedAnnotations(t *testing.T) {
	source := at(annotations.Secret, "platform", "app")
	scenario(t, "a replica that no longer copies is written once",
		puts(secretAt(source, map[string]string{
			annotations.PushTo: "team-a", annotations.CopyAnnotations: "note", "note": "one",
		})),
		edits(source, func(i *item) { delete(i.Annotations, "note") }),
		edits(at(annotations.Secret, "team-a", "app"), func(i *item) {
			i.Annotations[annotations.CopiedLabels], i.Annotations[annotations.ReplicatedKeys] = "none", "a"
		}),
	)
}

func TestRestoreOntoOthers(t *testing.T) {
	survivor := map[string]string{annotations.PushTo: "team-b", annotations.SurvivesRecreation: "true"}
	marks, notes := replicaMarks(annotations.ReplicaPush, types.NamespacedName{Namespace: "platform", Name: "db"})
	forged := secretAt(at(annotations.Secret, "team-a", "app"), notes)
	forged.Labels = marks
	for name, stands := range map[string]*item{
		"a forged replica": forged,
		"an object that pulls": secretAt(at(annotations.Secret, "team-a", "app"),
			map[string]string{annotations.PullFrom: "platform/db"}),
		"another controller's replica": secretAt(at(annotations.Secret, "team-a", "app"),
			map[string]string{reflector + "auto-reflects": "True", reflector + "reflects": "platform/db"}),
		"one that reflects itself": secretAt(at(annotations.Secret, "team-a", "app"),
			map[string]string{reflector + "reflects": "team-a/app"}),
		"a source in a protected namespace": secretAt(at(annotations.Secret, protected, "app"), nil),
	} {
		source := secretAt(stands.place(), survivor)
		scenario(t, "a policy is not restored onto "+name, puts(source), removes(source.place()), puts(stands))
	}
}

func TestFrozenByKeys(t *testing.T) {
	older := at(annotations.Secret, "dev-a", "app")
	scenario(t, "a source that its keys freeze keeps no other source out",
		puts(secretAt(older, map[string]string{annotations.PushTo: "team-a", annotations.Keys: "none"})),
		puts(secretAt(at(annotations.Secret, "platform", "app"), map[string]string{annotations.PushTo: "team-a"})),
		expects("the younger source has its replica", func(w *World) bool {
			return w.oracle.items[at(annotations.Secret, "team-a", "app")] != nil
		}),
	)
}

func TestPull(t *testing.T) {
	source, puller := at(annotations.Secret, "platform", "app"), at(annotations.Secret, "team-a", "mine")
	steps := []Step{
		puts(secretAt(source, map[string]string{annotations.PullBy: "*"})),
		puts(secretAt(puller, map[string]string{annotations.PullFrom: "platform/app"})),
	}
	for n := range 5 {
		token := fmt.Sprintf("tok-%d", n+10)
		steps = append(steps, edits(source, func(i *item) { i.data = content(i.kindType, token) }))
	}
	scenario(t, "an object that pulls follows after it was filled", steps...)
}

func TestSourceInPlaceOfReplica(t *testing.T) {
	replica := at(annotations.Secret, "team-a", "app")
	steps := []Step{puts(secretAt(at(annotations.Secret, "platform", "app"),
		map[string]string{annotations.PushTo: "team-*"}))}
	for range 5 {
		steps = append(steps,
			puts(secretAt(replica, map[string]string{annotations.PushTo: "dev-a"})),
			expects("the new source has its replica", func(w *World) bool {
				return w.oracle.items[at(annotations.Secret, "dev-a", "app")] != nil
			}),
			removes(replica))
	}
	scenario(t, "a source created in the place of a replica is noticed", steps...)
}

func TestGraceRestarts(t *testing.T) {
	source := at(annotations.Secret, "platform", "app")
	frozen := func(i *item) { i.Annotations = map[string]string{annotations.PushTo: "Not_A_Pattern!"} }
	scenario(t, "the grace begins anew for a source that was back and frozen",
		puts(secretAt(source, map[string]string{annotations.PushTo: "team-a"})),
		removes(source),
		puts(secretAt(source, nil)),
		edits(source, frozen),
		Step{Text: "time goes by", After: 10 * time.Minute, execute: func(context.Context, *World) error { return nil }},
		removes(source),
		expects("its replica is still there", func(w *World) bool {
			return w.oracle.items[at(annotations.Secret, "team-a", "app")] != nil
		}),
	)
}

func TestGraceAfterRestart(t *testing.T) {
	source := at(annotations.Secret, "platform", "app")
	marks, notes := replicaMarks(annotations.ReplicaPush, source.NamespacedName)
	forged := secretAt(source, notes)
	forged.Labels = marks
	scenario(t, "a forged replica does not end the grace after a restart",
		puts(secretAt(source, map[string]string{annotations.PushTo: "team-a"})),
		Step{Text: "restart, with a replica of itself in the source's place", After: 5 * time.Second,
			execute: func(ctx context.Context, w *World) error {
				for _, p := range w.processes {
					p.kill()
				}
				w.processes = nil
				if err := w.workload.put(ctx, forged.clone()); err != nil {
					return err
				}
				w.start()
				return nil
			}},
		expects("its replica is still there", func(w *World) bool {
			return w.oracle.items[at(annotations.Secret, "team-a", "app")] != nil
		}),
	)
}

func TestWithdrawnPolicy(t *testing.T) {
	source := at(annotations.Secret, "platform", "app")
	scenario(t, "a policy that was withdrawn is not restored",
		puts(secretAt(source, map[string]string{annotations.PushTo: "team-a", annotations.SurvivesRecreation: "true"})),
		pausesWatches(informers.LabelRecord+"=policy"),
		edits(source, func(i *item) { delete(i.Annotations, annotations.SurvivesRecreation) }),
		removes(source),
		puts(secretAt(source, nil)),
		resumesWatches(),
	)
}

func TestStalePolicy(t *testing.T) {
	source, replica := at(annotations.Secret, "platform", "app"), at(annotations.Secret, "team-b", "app")
	marks, notes := replicaMarks(annotations.ReplicaPush, source.NamespacedName)
	older := secretAt(replica, notes)
	older.Labels = marks
	scenario(t, "a policy that has changed since does not remove a replica",
		puts(secretAt(source, map[string]string{annotations.PushTo: "team-a"})),
		pausesWatches("!"+annotations.LabelReplica),
		edits(source, func(i *item) { i.Annotations[annotations.PushTo] = "team-*" }),
		puts(older),
		expects("the replica is still there", func(w *World) bool { return w.oracle.items[replica] != nil }),
		resumesWatches(),
	)
}

func TestRecordBeforeWatch(t *testing.T) {
	source := at(annotations.Secret, "platform", "app")
	scenario(t, "a record is used before the watch shows it",
		pausesWatches(informers.LabelRecord+"=policy"),
		puts(secretAt(source, map[string]string{annotations.PushTo: "team-a", annotations.SurvivesRecreation: "true"})),
		removes(source),
		puts(secretAt(source, nil)),
		expects("it goes on as a source", func(w *World) bool { return w.oracle.items[source].phase == active }),
		resumesWatches(),
	)
}

func TestUnreadableAcceptFrom(t *testing.T) {
	source := at(annotations.Secret, "platform", "app")
	accepts := func(list string) Step {
		return Step{Text: "have team-b accept from " + list, execute: func(ctx context.Context, w *World) error {
			return w.workload.editNamespace(ctx, "team-b", func(ns *corev1.Namespace) {
				ns.Annotations = map[string]string{annotations.AcceptFrom: list}
			})
		}}
	}
	scenario(t, "a replica that an unreadable accept-from held is removed once that is readable",
		puts(secretAt(source, map[string]string{annotations.PushTo: "team-*"})),
		accepts("Not A Pattern"),
		edits(source, func(i *item) { i.Annotations[annotations.PushTo] = "team-a" }),
		accepts("platform"),
	)
}

// A replica that poses as a source, and has replicas, is not removed; it is once it has none.
func TestReplicaPosingAsSource(t *testing.T) {
	source, posing := at(annotations.Secret, "platform", "app"), at(annotations.Secret, "team-a", "app")
	marks, notes := replicaMarks(annotations.ReplicaPull, posing.NamespacedName)
	forged := secretAt(at(annotations.Secret, "team-b", "mine"), notes)
	forged.Labels = marks
	scenario(t, "a replica with a policy is removed once nothing names it as a source",
		puts(secretAt(source, map[string]string{annotations.PushTo: "team-a"})),
		edits(posing, func(i *item) { i.Annotations[annotations.PushTo] = "dev-a" }),
		puts(forged),
		edits(source, func(i *item) { i.Annotations[annotations.PushTo] = "dev-a" }),
		expects("it is still there", func(w *World) bool { return w.oracle.items[posing] != nil }),
		removes(forged.place()),
		expects("it is gone", func(w *World) bool { return w.oracle.items[posing] == nil }),
	)
}

// A policy that was withdrawn in two edits, of which a pass saw the second only, must not come back from its record.
func TestPolicyWithdrawnInTwoEdits(t *testing.T) {
	source, replica := at(annotations.Secret, "platform", "app"), at(annotations.Secret, "team-a", "app")
	scenario(t, "a policy that no longer survives is not restored after its replicas are gone",
		puts(secretAt(source, map[string]string{annotations.PushTo: "team-a", annotations.SurvivesRecreation: "true"})),
		Step{Text: "take survives-recreation back, then all annotations", execute: func(ctx context.Context, w *World) error {
			err := w.workload.edit(ctx, source, func(i *item) { i.Annotations[annotations.SurvivesRecreation] = "false" })
			if err != nil {
				return err
			}
			return w.workload.edit(ctx, source, func(i *item) { i.Annotations = nil })
		}},
		expects("its replica is gone", func(w *World) bool { return w.oracle.items[replica] == nil }),
		expects("it has no policy", func(w *World) bool { return w.oracle.items[source].claims.Policy == nil }),
	)
}

// Of two controllers, the one that is behind must not undo what the other records, again and again.
func TestRecordOfTwoControllers(t *testing.T) {
	source := at(annotations.Secret, "platform", "app")
	for name, policies := range map[string][2]string{
		"a record that the one behind would delete": {"false", "true"},
		"a record that the one behind would create": {"true", "false"},
	} {
		scenario(t, name,
			puts(secretAt(source, map[string]string{
				annotations.PushTo: "team-a", annotations.SurvivesRecreation: policies[0],
			})),
			pausesWatchesOf("mirrorball-1", "!"+annotations.LabelReplica),
			edits(source, func(i *item) { i.Annotations[annotations.SurvivesRecreation] = policies[1] }),
			Step{Text: "start a second controller", execute: func(_ context.Context, w *World) error {
				w.start()
				return nil
			}},
			Step{Text: "resume the watches", After: 40 * time.Second, execute: resumesWatches().execute},
			expects("each has written the record at most once", func(w *World) bool {
				return w.countLogged(" configmap "+ownNamespace+"/") <= 2
			}),
		)
	}
}

// countLogged returns how many lines of the trace have a text.
func (w *World) countLogged(text string) (n int) {
	for _, line := range w.trace {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// A record can be older than what a source said last, which the controller need not have seen.
func TestOutdatedRecord(t *testing.T) {
	source := at(annotations.Secret, "platform", "app")
	refused := secretAt(source, map[string]string{annotations.PushTo: "*"})
	refused.kindType = "bootstrap.kubernetes.io/token"
	scenario(t, "replicas are removed with a source whose last annotations did not say to keep them",
		puts(secretAt(source, map[string]string{annotations.PushTo: "team-a", annotations.OnDelete: "keep"})),
		puts(refused),
		Step{Text: "create it as another, and delete it", execute: func(ctx context.Context, w *World) error {
			err := w.workload.put(ctx, secretAt(source, map[string]string{annotations.PushTo: "team-a"}))
			if err != nil {
				return err
			}
			return w.workload.remove(ctx, source)
		}},
	)
}

// A new process takes a source without annotations for one that was created again where an older replica names it.
func TestMarkedReplicaOfAnother(t *testing.T) {
	source, released := at(annotations.Secret, "platform", "app"), at(annotations.Secret, "platform", "db")
	scenario(t, "a replica that is to be kept may stay when it is made to name a source that was released",
		puts(secretAt(source, map[string]string{annotations.PushTo: "team-a", annotations.OnDelete: "keep"})),
		puts(secretAt(released, map[string]string{annotations.PushTo: "team-b"})),
		Step{Text: "release it, and restart", execute: func(ctx context.Context, w *World) error {
			for _, p := range w.processes {
				p.kill()
			}
			w.processes = nil
			err := w.workload.edit(ctx, released, func(i *item) { i.Annotations = nil })
			if err != nil {
				return err
			}
			err = w.workload.edit(ctx, at(annotations.Secret, "team-a", "app"), func(i *item) {
				i.Annotations[annotations.ReplicaOf] = released.NamespacedName.String()
			})
			w.start()
			return err
		}},
	)
}

// The watch of the replicas may show the end of a replica after the other has shown what stands there now.
func TestStrippedInPlaceOfReplica(t *testing.T) {
	source, other := at(annotations.Secret, "platform", "app"), at(annotations.Secret, "platform", "db")
	forged := secretAt(at(annotations.Secret, "team-a", "app"), map[string]string{
		annotations.ReplicaOf: other.NamespacedName.String(),
	})
	forged.Labels = map[string]string{annotations.LabelManagedBy: annotations.ManagedBy}
	scenario(t, "a replica without the label that took the place of another is removed",
		puts(secretAt(source, map[string]string{annotations.PushTo: "team-a"})),
		puts(secretAt(other, map[string]string{annotations.PushTo: "dev-a"})),
		pausesWatches(annotations.LabelReplica),
		puts(forged),
		resumesWatches(),
	)
}
