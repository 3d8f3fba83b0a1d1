package replicator

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestWaitsDoubleUpToTheirLimit(t *testing.T) {
	s, target := &state{}, types.NamespacedName{Namespace: "to", Name: "s"}
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
		if w := s.fail(target, "Forbidden", start); w.until.Sub(start) != want*time.Second || w.reason != "Forbidden" {
			t.Errorf("failure %d: wait %s for %q, want %s", i+1, w.until.Sub(start), w.reason, want*time.Second)
		}
	}
	for range 100 { // a shift by as much would overflow
		s.fail(target, "", start)
	}
	if w := s.waits[target]; w.until.Sub(start) != maxWait {
		t.Errorf("after many failures: wait %s, want %s", w.until.Sub(start), maxWait)
	}
}

func TestReplicaThatKeepsBeingChangedIsPutBackAtOnceAFewTimesThenLater(t *testing.T) {
	s, target := &state{}, types.NamespacedName{Namespace: "to", Name: "s"}
	for i := range 5 {
		if s.repaired(target, start); s.waits[target].until.After(start) {
			t.Errorf("repair %d is waited for", i+1)
		}
	}
	for i, want := range []time.Duration{2, 4, 8} {
		if s.repaired(target, start); s.waits[target].until.Sub(start) != want*time.Second {
			t.Errorf("repair %d: wait %s, want %s", i+6, s.waits[target].until.Sub(start), want*time.Second)
		}
	}
}

func TestWaitsAreForgottenOnceNothingCameOfThemForLong(t *testing.T) {
	s, target := &state{}, types.NamespacedName{Namespace: "to", Name: "s"}
	s.fail(target, "", start)
	if s.calm(start.Add(2 * maxWait)); len(s.waits) != 1 {
		t.Error("the wait was forgotten too soon: who changes a replica every few minutes would be fought for ever")
	}
	if s.calm(start.Add(2*maxWait + 1)); len(s.waits) != 0 {
		t.Error("the wait is kept for ever")
	}
}
