package simulation

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// These are about a standby whose caches are behind when it begins to lead.

// withStandby runs a scenario with a leader and a standby.
func withStandby(t *testing.T, name string, steps ...Step) {
	t.Helper()
	scenarioOf(t, name, Settings{Grace: time.Minute, Workers: 2, Writes: 4, Lease: true}, steps...)
}

func pausesStandby(selectors ...string) Step {
	return Step{Text: "pause watches of the standby", After: 5 * time.Second,
		execute: func(_ context.Context, w *World) error {
			w.pauseStandbys(selectors...)
			return nil
		}}
}

func killsLeader() Step {
	return Step{Text: "kill the leader", After: 5 * time.Second, execute: func(_ context.Context, w *World) error {
		leader := w.leader()
		leader.kill()
		w.drop(leader)
		return nil
	}}
}

// leads expects that another process leads, and what else has to be so then.
func leads(text string, ok func(*World) bool) Step {
	return Step{Text: "the standby leads, and " + text, After: timings.Takeover() + 5*time.Second,
		execute: func(_ context.Context, w *World) error {
			leader := w.leader()
			w.oracle.locked(func() {
				if leader == nil || !ok(w) {
					w.oracle.violate("expectation", text)
				}
			})
			return nil
		}}
}

// TestStandbyRemoval: a standby has seen an object that stood where the leader has made a replica since, and attached
// it.
func TestStandbyRemoval(t *testing.T) {
	source, replica := at(annotations.Secret, "platform", "app"), at(annotations.Secret, "team-a", "app")
	attached := secretAt(source, map[string]string{
		annotations.PushTo: "team-a", annotations.AttachToServiceAccounts: "default",
	})
	attached.kindType = string(corev1.SecretTypeDockerConfigJson)
	attached.data = content(attached.kindType, "tok-1")
	written := func(w *World) bool { return w.countLogged("changed serviceaccount team-a/default") == 1 }
	withStandby(t, "nothing is taken away on account of what a standby saw",
		puts(secretAt(replica, nil)),
		puts(attached),
		pausesStandby("!"+annotations.LabelReplica, annotations.LabelReplica),
		removes(replica),
		expects("the leader has attached its replica", written),
		killsLeader(),
		leads("the ServiceAccount is as it was", written),
		resumesWatches(),
		expects("the ServiceAccount is still as it was", func(w *World) bool {
			sa := w.oracle.accounts[types.NamespacedName{Namespace: "team-a", Name: "default"}]
			return written(w) && len(sa.ImagePullSecrets) == 1
		}),
	)
}

// TestStandbyRules: a standby has seen rules that were in force before.
func TestStandbyRules(t *testing.T) {
	source, replica := at(annotations.Secret, "platform", "app"), at(annotations.Secret, "team-a", "app")
	withStandby(t, "a standby that leads writes nothing against the rules of now",
		pausesStandby("metadata.name="+rulesPlace.Name),
		writesRules(noRules),
		killsLeader(),
		puts(secretAt(source, map[string]string{annotations.PushTo: "team-a"})),
		leads("has written nothing", func(w *World) bool { return w.oracle.items[replica] == nil }),
		resumesWatches(),
		expects("nothing is written", func(w *World) bool { return w.oracle.items[replica] == nil }),
	)
}

// TestWarmStandby: what changed while no process led is put right as soon as the standby leads.
func TestWarmStandby(t *testing.T) {
	source, replica := at(annotations.Secret, "platform", "app"), at(annotations.Secret, "team-a", "app")
	kept := at(annotations.Secret, "team-b", "app")
	var uid types.UID
	withStandby(t, "a standby goes on where the leader was",
		puts(secretAt(source, map[string]string{annotations.PushTo: "team-*"})),
		expects("there is a replica", func(w *World) bool {
			uid = w.oracle.items[kept].UID
			return true
		}),
		killsLeader(),
		edits(source, func(i *item) { i.Annotations[annotations.PushTo] = "team-b"; i.data = content("Opaque", "tok-2") }),
		leads("has removed one replica and changed the other", func(w *World) bool {
			r := w.oracle.items[kept]
			return w.oracle.items[replica] == nil && r.UID == uid && r.data["a"] == "tok-2-a."
		}),
	)
}
