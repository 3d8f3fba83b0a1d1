package replicator

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// brakePass is a pass with so many removals, of which so many were done, and so many that wait.
func brakePass(b plan.Brake, full bool, removals, done, waiting int) *pass {
	p := &pass{
		world: plan.World{Brake: b}, scope: informers.Scope{Full: full},
		outcome: outcome{wrote: map[plan.Verb]int{plan.Delete: done}},
	}
	if b.Enforced {
		p.outcome.braking = done
	}
	for range removals {
		p.decision.Actions = append(p.decision.Actions, plan.Action{Verb: plan.Delete})
	}
	for range waiting {
		p.decision.Braked = append(p.decision.Braked, types.NamespacedName{Namespace: "to", Name: "s"})
	}
	return p
}

func TestBrakeRemembers(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	b := plan.Brake{Enforced: true, Now: now, Grace: time.Minute, Replicas: 40}
	var s brake
	s.passed(brakePass(b, false, 3, 2, 0))
	if s.removed != 2 || !s.began.Equal(now) {
		t.Errorf("after two removals: %+v", s)
	}
	s.passed(brakePass(b, true, 0, 0, 30))
	if !s.waitingSince.Equal(now) || s.note == "" || s.remaining(time.Minute, now) != time.Minute {
		t.Errorf("after the first that wait: %+v", s)
	}
	note := s.note
	b.Now = now.Add(time.Second)
	s.passed(brakePass(b, true, 0, 0, 29))
	s.passed(brakePass(b, false, 0, 0, 0))
	if !s.waitingSince.Equal(now) || s.note != note {
		t.Errorf("after one of them was undone: %+v", s)
	}
	b.Now = now.Add(time.Minute)
	s.passed(brakePass(b, true, 29, 20, 0))
	if s.waitingSince.IsZero() {
		t.Error("some of those that waited are left, and it begins anew")
	}
	s.passed(brakePass(b, true, 0, 0, 0))
	if !s.waitingSince.IsZero() || s.note != "" || s.remaining(time.Minute, b.Now) != 0 {
		t.Errorf("after all were removed: %+v", s)
	}
}

// TestBrakeOwnRemovals: the brake does not hold the removals that the source itself asks for.
func TestBrakeOwnRemovals(t *testing.T) {
	was := desiredPolicy(t, map[string]string{annotations.Exclude: "team-*"})
	is := desiredPolicy(t, map[string]string{annotations.Exclude: "other"})
	var s brake
	s.comparePolicies(nil, was)
	if s.own {
		t.Error("the first policy that is seen is taken for a change")
	}
	s.comparePolicies(was, is)
	if s.passed(brakePass(plan.Brake{}, true, 3, 2, 0)); !s.own || s.removed != 0 {
		t.Errorf("before all was removed that the new policy does not select: %+v", s)
	}
	if s.passed(brakePass(plan.Brake{}, true, 1, 1, 0)); s.own {
		t.Error("it is off after that")
	}
}

// TestReadBeforeRemoval: the namespace is read again before a replica is removed from it.
func TestReadBeforeRemoval(t *testing.T) {
	for title, tc := range map[string]struct {
		change func(*informers.Namespace)
		want   answer
	}{
		"as it was seen":                   {func(*informers.Namespace) {}, succeeded},
		"with another label":               {func(n *informers.Namespace) { n.Labels = map[string]string{"a": "b"} }, stale},
		"with another accept-from":         {func(n *informers.Namespace) { n.Accept = &annotations.Patterns{} }, stale},
		"paused since":                     {func(n *informers.Namespace) { n.Paused = true }, stale},
		"created again":                    {func(n *informers.Namespace) { n.UID = "other" }, stale},
		"gone":                             {func(n *informers.Namespace) { n.Name = "missing" }, terminating},
		"of which only the version is new": {func(n *informers.Namespace) { n.Version-- }, succeeded},
	} {
		t.Run(title, func(t *testing.T) {
			w := newExecutorTest(t)
			live, err := w.client.CoreV1().Namespaces().Get(t.Context(), "to", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			seen, err := informers.NewNamespace(live)
			if err != nil {
				t.Fatal(err)
			}
			tc.change(seen)
			remove := plan.Action{
				Verb: plan.Delete, Target: testTarget, Occupant: w.stands(asReplica), Evidence: seen,
			}
			if got := classify(t.Context(), w.execute(t.Context(), &remove)); got != tc.want {
				t.Errorf("the removal came to %s, want %s", got, tc.want)
			}
			if gone := w.secret() == nil; gone != (tc.want == succeeded) {
				t.Errorf("the replica is gone: %t", gone)
			}
		})
	}
}

func TestSourceComparison(t *testing.T) {
	notes := map[string]string{annotations.PushTo: "team-*"}
	l := &loaded{uid: "u", version: 7, annotations: notes}
	for title, tc := range map[string]struct {
		edit func(*corev1.Secret)
		want bool
	}{
		"unchanged":                 {func(*corev1.Secret) {}, true},
		"another version":           {func(s *corev1.Secret) { s.ResourceVersion = "8" }, true},
		"another tool's annotation": {func(s *corev1.Secret) { s.Annotations["example.com/note"] = "x" }, true},
		"another object":            {func(s *corev1.Secret) { s.UID = "v" }, false},
		"another policy":            {func(s *corev1.Secret) { s.Annotations[annotations.PushTo] = "*" }, false},
		"one more key":              {func(s *corev1.Secret) { s.Annotations[annotations.Paused] = "true" }, false},
		"no policy":                 {func(s *corev1.Secret) { s.Annotations = nil }, false},
		"it pulls now":              {func(s *corev1.Secret) { s.Annotations[annotations.PullFrom] = "a/b" }, false},
		"it mirrors another now": {
			func(s *corev1.Secret) { s.Annotations["reflector.v1.k8s.emberstack.com/reflects"] = "a/b" }, false,
		},
		"it is a replica now": {
			func(s *corev1.Secret) { s.Labels = map[string]string{annotations.LabelReplica: "push"} }, false,
		},
	} {
		t.Run(title, func(t *testing.T) {
			s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
				UID: "u", ResourceVersion: "7", Annotations: map[string]string{annotations.PushTo: "team-*"},
			}}
			tc.edit(s)
			if got := l.isSource(s); got != tc.want {
				t.Errorf("it is the same source: %t, want %t", got, tc.want)
			}
		})
	}
}

// TestNewerContent: content that is newer than the pass is written if the policy is the same. A source that is written
// all the time has a newer version whenever its content is read.
func TestNewerContent(t *testing.T) {
	for title, tc := range map[string]struct {
		decidedOn string
		want      bool
	}{
		"the same policy": {"*", true},
		"another policy":  {"team-*", false},
	} {
		t.Run(title, func(t *testing.T) {
			w := newExecutorTest(t)
			createSource(t, w.client, map[string]string{annotations.PushTo: "*"})
			live, err := w.client.CoreV1().Secrets("from").Get(t.Context(), "s", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			p := testPass(w.c)
			p.state.loaded.uid, p.state.loaded.version = live.UID, 1
			p.state.loaded.annotations = map[string]string{annotations.PushTo: tc.decidedOn}
			p.state.loaded.policy, p.world.Source = w.source.Policy, *w.source
			p.decision.Actions = []plan.Action{{Verb: plan.Create, Target: testTarget}}
			o := w.c.executors.execute(t.Context(), p)
			if got := o.wrote[plan.Create] == 1; got != tc.want || o.remaining.Empty() != tc.want {
				t.Errorf("it came to %+v, want it written: %t", o, tc.want)
			}
		})
	}
}
