package liveness

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestMonitor looks at one subject over a day.
func TestMonitor(t *testing.T) {
	const limit = 10 * time.Minute
	moving := func(every time.Duration) func(time.Duration) Sample {
		return func(at time.Duration) Sample { return Sample{Moves: uint64(at / every), Due: true} }
	}
	tests := map[string]struct {
		sample func(at time.Duration) Sample
		// after is when the check fails first; 0 is never.
		after time.Duration
	}{
		"what never moves fails":         {func(time.Duration) Sample { return Sample{Due: true} }, limit},
		"what moves now and then passes": {moving(9 * time.Minute), 0},
		"what moves too seldom fails":    {moving(11 * time.Minute), limit},
		"what has nothing to do passes":  {func(time.Duration) Sample { return Sample{} }, 0},
		"what waits between passes": {func(at time.Duration) Sample {
			return Sample{Due: at%(9*time.Minute) != 0}
		}, 0},
		"what stands still after it waited fails": {func(at time.Duration) Sample {
			return Sample{Due: at > time.Hour}
		}, time.Hour + limit},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// at is how much time the process has seen, and failed when it saw the check fail.
				var at atomic.Int64
				var failed time.Duration
				var m Monitor
				m.Watch(Subject{
					Check: "things", Name: "the thing", Problem: "has not moved", Limit: limit,
					Sample: func() Sample { return tc.sample(time.Duration(at.Add(int64(interval)))) },
				})
				ctx, stop := context.WithCancel(t.Context())
				go m.Run(ctx)
				for time.Duration(at.Load()) < 24*time.Hour && failed == 0 {
					<-time.After(interval)
					synctest.Wait()
					if m.Check("things") != nil {
						failed = time.Duration(at.Load())
					}
				}
				if tc.after == 0 && failed != 0 || failed.Round(time.Minute) != tc.after {
					t.Errorf("the check fails after %s, want %s", failed, tc.after)
				}
				if err := m.Check("others"); err != nil {
					t.Errorf("the other check fails: %v", err)
				}
				if err := m.Check("things"); failed > 0 && !strings.HasPrefix(err.Error(), "the thing has not moved for 10m") {
					t.Errorf("the check says %q", err)
				}
				stop()
				synctest.Wait()
				if err := m.Check("things"); err != nil {
					t.Errorf("the check fails in a process that is stopping: %v", err)
				}
			})
		})
	}
}

// TestRecovery: what moves again passes again.
func TestRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Monitor
		var moves atomic.Uint64
		m.Watch(Subject{Check: "things", Limit: time.Minute, Sample: func() Sample { return Sample{moves.Load(), true} }})
		go m.Run(t.Context())
		<-time.After(2 * time.Minute)
		if m.Check("things") == nil {
			t.Error("the check passes")
		}
		moves.Add(1)
		<-time.After(2 * interval)
		if err := m.Check("things"); err != nil {
			t.Errorf("the check fails: %v", err)
		}
	})
}

// TestSuspension: a process that was suspended does not fail when it wakes up, however often.
func TestSuspension(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const times = 10
		var m Monitor
		var samples uint64
		m.Watch(Subject{Check: "things", Limit: 2 * (times + 2) * interval, Sample: func() Sample {
			if samples++; samples <= times {
				<-time.After(time.Hour)
			}
			return Sample{Due: true}
		}})
		go m.Run(t.Context())
		<-time.After(times*time.Hour + 2*interval)
		if err := m.Check("things"); err != nil {
			t.Errorf("the check fails: %v", err)
		}
		<-time.After(time.Hour)
		if m.Check("things") == nil {
			t.Error("the check passes")
		}
	})
}

// TestSeveralProblems: a check says in one line what has stood still.
func TestSeveralProblems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Monitor
		for _, name := range []string{"a", "b"} {
			m.Watch(Subject{
				Check: "things", Name: name, Problem: "has not moved", Limit: time.Minute,
				Sample: func() Sample { return Sample{Due: true} },
			})
		}
		go m.Run(t.Context())
		<-time.After(time.Minute + time.Second)
		const want = "a has not moved for 1m0s; b has not moved for 1m0s; restart the process"
		if err := m.Check("things"); err == nil || err.Error() != want {
			t.Errorf("the check says %v, want %q", err, want)
		}
	})
}
