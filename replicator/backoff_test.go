package replicator

import (
	"strconv"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestBackoffDoubles(t *testing.T) {
	b, target := backoffs{}, backoffKey{Key: contentKey("s")}
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

func TestBackoffOfWrites(t *testing.T) {
	b, target := backoffs{}, backoffKey{Key: contentKey("s")}
	for i := range 5 {
		if b.succeeded(target, "ns", start); b[target].until.After(start) {
			t.Errorf("write %d is waited for", i+1)
		}
	}
	for i, want := range []time.Duration{2, 4, 8} {
		if b.succeeded(target, "ns", start); b[target].until.Sub(start) != want*time.Second {
			t.Errorf("write %d: wait %s, want %s", i+6, b[target].until.Sub(start), want*time.Second)
		}
	}
	t.Run("a refusal does not end the count", func(t *testing.T) {
		b.failed(target, "Forbidden", start)
		if b.succeeded(target, "ns", start); b[target].until.Sub(start) != 16*time.Second || b[target].reason != "" {
			t.Errorf("%+v", b[target])
		}
	})
	t.Run("a new namespace does", func(t *testing.T) {
		if b.succeeded(target, "another", start); b[target].writes != 1 || !b[target].until.IsZero() {
			t.Errorf("%+v", b[target])
		}
	})
}

func TestBackoffsAreBounded(t *testing.T) {
	b := backoffs{}
	fought := backoffKey{Key: contentKey("fought")}
	for range toleratedWrites + 1 {
		b.succeeded(fought, "ns", start)
	}
	for i := range 2 * maxTracked {
		b.succeeded(backoffKey{Key: contentKey(strconv.Itoa(i))}, "ns", start)
	}
	if len(b) != maxTracked || b.remaining(fought, start) == 0 {
		t.Errorf("%d objects, the one that waits has %s left", len(b), b.remaining(fought, start))
	}
}

func TestBackoffExpires(t *testing.T) {
	b, target := backoffs{}, backoffKey{Key: contentKey("s")}
	b.failed(target, "", start)
	if b.expire(start.Add(2 * maxBackoff)); len(b) != 1 {
		t.Error("the wait was forgotten too soon: who changes a replica every few minutes would be fought for ever")
	}
	if b.expire(start.Add(2*maxBackoff + 1)); len(b) != 0 {
		t.Error("the wait is kept for ever")
	}
}
