package replicator

import (
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestBackoffDoubles(t *testing.T) {
	b, target := backoffs{}, contentKey("s")
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
		if w := b.failed(target, "Forbidden", start); w.until.Sub(start) != want*time.Second || w.reason != "Forbidden" {
			t.Errorf("failure %d: wait %s for %q, want %s", i+1, w.until.Sub(start), w.reason, want*time.Second)
		}
	}
	for range 100 { // a shift by as much would overflow
		b.failed(target, "", start)
	}
	if w := b[target]; w.until.Sub(start) != maxBackoff {
		t.Errorf("after many failures: wait %s, want %s", w.until.Sub(start), maxBackoff)
	}
}

func TestBackoffOfRepairs(t *testing.T) {
	b, target := backoffs{}, contentKey("s")
	for i := range 5 {
		if b.repaired(target, start); b[target].until.After(start) {
			t.Errorf("repair %d is waited for", i+1)
		}
	}
	for i, want := range []time.Duration{2, 4, 8} {
		if b.repaired(target, start); b[target].until.Sub(start) != want*time.Second {
			t.Errorf("repair %d: wait %s, want %s", i+6, b[target].until.Sub(start), want*time.Second)
		}
	}
}

func TestBackoffExpires(t *testing.T) {
	b, target := backoffs{}, contentKey("s")
	b.failed(target, "", start)
	if b.expire(start.Add(2 * maxBackoff)); len(b) != 1 {
		t.Error("the wait was forgotten too soon: who changes a replica every few minutes would be fought for ever")
	}
	if b.expire(start.Add(2*maxBackoff + 1)); len(b) != 0 {
		t.Error("the wait is kept for ever")
	}
}
