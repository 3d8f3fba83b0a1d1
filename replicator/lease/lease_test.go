package lease

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// memoryLock is a Lease in memory, which can stop answering. As at an API server a write names the version that was
// read or written last, and is refused if there is a newer one.
type memoryLock struct {
	mu      sync.Mutex
	record  *resourcelock.LeaderElectionRecord
	version int // of the record
	known   int // the version that this process knows
	latency time.Duration
	down    bool
	calls   []string // holders, as they were written
}

var errDown = errors.New("the API server is down")

func (l *memoryLock) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, nil, errDown
	}
	if l.record == nil {
		return nil, nil, apierrors.NewNotFound(schema.GroupResource{Resource: "leases"}, "mirrorball")
	}
	l.known = l.version
	record := *l.record
	raw, err := json.Marshal(record)
	return &record, raw, err
}

func (l *memoryLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.Update(ctx, record)
}

func (l *memoryLock) Update(_ context.Context, record resourcelock.LeaderElectionRecord) error {
	<-time.After(l.latency)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return errDown
	}
	if l.known != l.version {
		return apierrors.NewConflict(schema.GroupResource{Resource: "leases"}, "mirrorball", errors.New("newer"))
	}
	l.record = &record
	l.version++
	l.known = l.version
	l.calls = append(l.calls, record.HolderIdentity)
	return nil
}

func (l *memoryLock) set(change func(*memoryLock)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
	l.version++
}

func (l *memoryLock) holder() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.record == nil {
		return ""
	}
	return l.record.HolderIdentity
}

func (l *memoryLock) RecordEvent(string) {}

func (l *memoryLock) Identity() string { return "me" }

func (l *memoryLock) Describe() string { return "memory" }

// election is one of a process that has a lock and the default timings.
func election(lock resourcelock.Interface) Election {
	return Election{Lock: lock, Timings: DefaultTimings(), StandBy: func() {}, Fence: &Fence{}}
}

// TestLeaseRelease: the Lease is released only after the work has drained.
func TestLeaseRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := &memoryLock{}
		stop, cancel := context.WithCancel(t.Context())
		err := Lead(stop, election(lock), func(ctx context.Context) error {
			cancel()
			<-ctx.Done()
			<-time.After(time.Minute) // a drain much longer than the lease lasts by itself
			if holder := lock.holder(); holder != "me" {
				t.Errorf("while draining the lease is held by %q", holder)
			}
			return nil
		})
		if err != nil {
			t.Errorf("Lead: %v", err)
		}
		if holder := lock.holder(); holder != "" {
			t.Errorf("after the drain the lease is held by %q", holder)
		}
	})
}

// TestLeaseLoss: losing the Lease ends the work before another replica can lead.
func TestLeaseLoss(t *testing.T) {
	tests := map[string]struct {
		loss func(*memoryLock)
		want time.Duration
	}{
		"the API server is gone": {func(l *memoryLock) { l.down = true }, DefaultTimings().RenewDeadline},
		"another holds the lease": {func(l *memoryLock) { l.record.HolderIdentity = "thief" },
			2 * DefaultTimings().RetryPeriod},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lock := &memoryLock{}
				working, cancel := context.WithCancel(t.Context())
				defer cancel()
				var lostAt time.Time
				ended := make(chan error, 1)
				err := Lead(working, election(lock), func(ctx context.Context) error {
					<-time.After(5 * time.Minute)
					lock.set(tc.loss)
					lostAt = time.Now()
					<-ctx.Done()
					ended <- context.Cause(ctx)
					return nil
				})
				if took := time.Since(lostAt); took > tc.want {
					t.Errorf("the work went on for %s, want at most %s", took, tc.want)
				}
				if !errors.Is(err, ErrLost) {
					t.Errorf("Lead: %v, want %v", err, ErrLost)
				}
				if cause := <-ended; !errors.Is(cause, ErrLost) {
					t.Errorf("the work was ended by %v, want %v", cause, ErrLost)
				}
			})
		})
	}
}

// TestLostLeaseStaysWithSuccessor: a leader that was cut off from the API server does not free the lease of whoever
// took over in the meantime.
func TestLostLeaseStaysWithSuccessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Renewals take a moment, so that the end of the lease does not fall together with a renewal that is tried.
		lock := &memoryLock{latency: 100 * time.Millisecond}
		err := Lead(t.Context(), election(lock), func(ctx context.Context) error {
			<-time.After(5 * time.Minute)
			var renewed time.Time
			lock.set(func(l *memoryLock) {
				l.record.HolderIdentity, l.down = "successor", true
				renewed = l.record.RenewTime.Time
			})
			// The API server is back just before the lease is given up, between two attempts to renew it.
			<-time.After(time.Until(renewed.Add(DefaultTimings().RenewDeadline - 50*time.Millisecond)))
			lock.set(func(l *memoryLock) { l.down = false })
			<-ctx.Done()
			return nil
		})
		if !errors.Is(err, ErrLost) {
			t.Errorf("Lead: %v, want %v", err, ErrLost)
		}
		<-time.After(time.Minute) // by then the elector has done all that it does at its end
		if holder := lock.holder(); holder != "successor" {
			t.Errorf("the lease is held by %q", holder)
		}
	})
}

func TestStandbyWaitsAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := &memoryLock{record: &resourcelock.LeaderElectionRecord{
			HolderIdentity: "other", LeaseDurationSeconds: 3600,
		}}
		stop, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		e := election(lock)
		var stoodBy atomic.Int32
		e.StandBy = func() { stoodBy.Add(1) }
		err := Lead(stop, e, func(context.Context) error {
			t.Error("a standby worked")
			return nil
		})
		if err != nil {
			t.Errorf("Lead: %v", err)
		}
		if n := stoodBy.Load(); n != 1 {
			t.Errorf("it was told %d times to stand by, want once", n)
		}
		if slices.Contains(lock.calls, "me") || lock.holder() != "other" {
			t.Error("a standby wrote the lease")
		}
	})
}

// TestFailedWork: work that fails releases the Lease.
func TestFailedWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := &memoryLock{}
		broken := errors.New("broken")
		err := Lead(t.Context(), election(lock), func(context.Context) error { return broken })
		if !errors.Is(err, broken) {
			t.Errorf("Lead: %v, want %v", err, broken)
		}
		if holder := lock.holder(); holder != "" {
			t.Errorf("the lease is held by %q", holder)
		}
	})
}

// TestTakeover: the successor of a process that was killed leads within the time that the timings promise.
func TestTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		timings := DefaultTimings()
		lock := &memoryLock{record: &resourcelock.LeaderElectionRecord{
			HolderIdentity: "killed", LeaseDurationSeconds: int(timings.LeaseDuration / time.Second),
		}}
		killed := time.Now()
		err := Lead(t.Context(), election(lock), func(context.Context) error {
			if took := time.Since(killed); took < timings.LeaseDuration || took > timings.Takeover() {
				t.Errorf("it leads after %s, want %s to %s", took, timings.LeaseDuration, timings.Takeover())
			}
			return nil
		})
		if err != nil {
			t.Errorf("Lead: %v", err)
		}
	})
}

func TestTimings(t *testing.T) {
	if err := DefaultTimings().Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
	if took := DefaultTimings().Takeover(); took > 5*time.Second {
		t.Errorf("a successor may take %s", took)
	}
	for name, timings := range map[string]Timings{
		"no whole seconds":            {3500 * time.Millisecond, 2 * time.Second, 400 * time.Millisecond},
		"no margin":                   {3 * time.Second, 2500 * time.Millisecond, 400 * time.Millisecond},
		"one try":                     {3 * time.Second, 2 * time.Second, 1900 * time.Millisecond},
		"no pause between two tries":  {3 * time.Second, 2 * time.Second, 0},
		"a deadline after the lease":  {3 * time.Second, 10 * time.Second, 2 * time.Second},
		"a lease that never runs out": {0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if timings.Validate() == nil {
				t.Errorf("%+v is valid", timings)
			}
		})
	}
}
