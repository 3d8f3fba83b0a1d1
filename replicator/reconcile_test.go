package replicator

import (
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// passIn is a pass in a phase that has come to nothing.
func passIn(phase plan.Phase) *pass {
	return &pass{key: testSource, state: newState(), resolution: plan.Resolution{Phase: phase}}
}

// someNames are what a plan has left undecided, or braked.
var someNames = []types.NamespacedName{{Namespace: "to", Name: "s"}}

func TestIsOver(t *testing.T) {
	for title, tc := range map[string]struct {
		phase  plan.Phase
		change func(*pass)
		want   bool
	}{
		"an active source":              {phase: plan.PhaseActive},
		"a frozen source":               {phase: plan.PhaseFrozen},
		"one that may come back":        {phase: plan.PhaseMissing},
		"one that is gone":              {phase: plan.PhaseDeleted, want: true},
		"one without a policy":          {phase: plan.PhaseReleased, want: true},
		"one of which nothing is known": {phase: plan.PhaseUnknown, want: true},
		"one whose replicas are kept": {phase: plan.PhaseKept, change: func(p *pass) {
			p.observed.view.HasReplicas = true
		}},
		"one whose replica was the last": {phase: plan.PhaseKept, want: true},
		"one from which others pull": {phase: plan.PhaseKept, change: func(p *pass) {
			p.observed.view.HasPullers = true
		}},
		"one that is attached": {phase: plan.PhaseKept, change: func(p *pass) {
			p.observed.view.IsAttached = true
		}},
		"a removal was decided on": {phase: plan.PhaseDeleted, change: func(p *pass) {
			p.decision.Actions = []plan.Action{{Verb: plan.Delete}}
		}},
		"a removal waits for a namespace": {phase: plan.PhaseDeleted, change: func(p *pass) {
			p.decision.Undecided = someNames
		}},
		"a removal is braked": {phase: plan.PhaseReleased, change: func(p *pass) { p.decision.Braked = someNames }},
	} {
		t.Run(title, func(t *testing.T) {
			p := passIn(tc.phase)
			if tc.change != nil {
				tc.change(p)
			}
			if got := p.isOver(); got != tc.want {
				t.Errorf("it is over: %t, want %t", got, tc.want)
			}
		})
	}
}

func TestRequeue(t *testing.T) {
	target := backoffKey{Key: contentKey("s")}
	for title, tc := range map[string]struct {
		phase  plan.Phase
		change func(*pass)
		want   requeue
		// after is within a second of the wait that is wanted.
		after time.Duration
	}{
		"nothing to do":         {},
		"more is pending":       {change: func(p *pass) { p.more = true }, want: requeueNow},
		"the grace runs":        {change: func(p *pass) { p.resolution.GraceLeft = time.Minute }, after: time.Minute},
		"the namespace unknown": {change: func(p *pass) { p.decision.Undecided = someNames }, want: requeueWithBackoff},
		"the watch is behind":   {phase: plan.PhaseStale, want: requeueWithBackoff},
		"the execution says when": {change: func(p *pass) {
			p.outcome.merge(requeueAfter(3 * time.Second))
		}, after: 3 * time.Second},
		"a removal is braked": {change: func(p *pass) {
			p.state.brake.waitingSince, p.observed.Grace = time.Now(), time.Hour
		}, after: time.Hour},
		"a write waits": {change: func(p *pass) {
			p.state.backoffs[target] = &backoff{until: time.Now().Add(time.Minute)}
		}, after: time.Minute},
		"the sooner of two": {change: func(p *pass) {
			p.resolution.GraceLeft = 2 * time.Minute
			p.state.backoffs[target] = &backoff{until: time.Now().Add(time.Minute)}
		}, after: time.Minute},
		"the backoffs of a source that is gone": {phase: plan.PhaseDeleted, change: func(p *pass) {
			p.state.backoffs[target] = &backoff{last: time.Now()}
		}, after: 2*maxBackoff + time.Second},
		"the policy could not be saved": {change: func(p *pass) { p.recordErr = errors.New("x") }, after: maxBackoff},
		"the policy took too long":      {change: func(p *pass) { p.decision.Err = errors.New("x") }, after: maxBackoff},
	} {
		t.Run(title, func(t *testing.T) {
			c, _ := newTestController(t)
			if tc.phase == "" {
				tc.phase = plan.PhaseActive
			}
			p := passIn(tc.phase)
			if tc.change != nil {
				tc.change(p)
			}
			got := c.requeue(p)
			if off := tc.after - got.after; got.requeue != tc.want || off < 0 || off > time.Second {
				t.Errorf("requeue %d after %s, want %d after %s", got.requeue, got.after, tc.want, tc.after)
			}
		})
	}
}

// TestRequeueProgress: a source that makes progress is not looked at less and less often.
func TestRequeueProgress(t *testing.T) {
	for title, wrote := range map[string]int{"nothing is written": 0, "something is written": 1} {
		t.Run(title, func(t *testing.T) {
			c, _ := newTestController(t)
			c.queue.AddRateLimited(testSource)
			p := passIn(plan.PhaseActive)
			p.outcome.wrote = map[plan.Verb]int{plan.Create: wrote}
			c.requeue(p)
			if got, want := c.queue.NumRequeues(testSource), 1-wrote; got != want {
				t.Errorf("%d requeues are remembered, want %d", got, want)
			}
		})
	}
}

func TestCleanUp(t *testing.T) {
	for title, tc := range map[string]struct {
		phase         plan.Phase
		change        func(*pass)
		record, state bool
	}{
		"an active source keeps both":                         {phase: plan.PhaseActive, record: true, state: true},
		"one that is gone loses the record, which is counted": {phase: plan.PhaseDeleted, state: true},
		"one without a record is forgotten": {phase: plan.PhaseDeleted, record: true, change: func(p *pass) {
			p.observed.view.Record = nil
		}},
		"what people were told is to be ended": {phase: plan.PhaseDeleted, record: true, state: true, change: func(p *pass) {
			p.observed.view.Record = nil
			p.state.reported[warningKey{reason: reasonNoSource}] = "x"
		}},
		"backoffs outlast it": {phase: plan.PhaseDeleted, record: true, state: true, change: func(p *pass) {
			p.observed.view.Record = nil
			p.state.backoffs[backoffKey{Key: contentKey("s")}] = &backoff{}
		}},
		"a record that keeps coming back waits": {phase: plan.PhaseDeleted, record: true, state: true, change: func(p *pass) {
			name := types.NamespacedName{Namespace: "mirrorball-system", Name: informers.RecordName(testSource)}
			key := backoffKey{Key: informers.Key{Kind: recordKind, NamespacedName: name}, removal: true}
			p.state.backoffs[key] = &backoff{until: time.Now().Add(time.Minute)}
		}},
	} {
		t.Run(title, func(t *testing.T) {
			c, client := newTestController(t)
			own := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "mirrorball-system"}}
			if _, err := client.CoreV1().Namespaces().Create(t.Context(), own, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			record := &informers.Record{Source: testSource, Annotations: map[string]string{annotations.PushTo: "to"}}
			configMaps := client.CoreV1().ConfigMaps("mirrorball-system")
			cm, err := configMaps.Create(t.Context(), record.ConfigMap("mirrorball-system"), metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			p := passIn(tc.phase)
			if p.observed.view.Record, err = informers.ParseRecord(cm); err != nil {
				t.Fatal(err)
			}
			c.states.of[testSource] = p.state
			if tc.change != nil {
				tc.change(p)
			}
			if err := c.cleanUp(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			_, err = configMaps.Get(t.Context(), cm.Name, metav1.GetOptions{})
			if got := !apierrors.IsNotFound(err); got != tc.record {
				t.Errorf("there is a record: %t, want %t", got, tc.record)
			}
			if got := c.states.of[testSource] != nil; got != tc.state {
				t.Errorf("there is a state: %t, want %t", got, tc.state)
			}
		})
	}
}
