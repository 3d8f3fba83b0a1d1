// Package lease has one process at a time do the work: leader election by a Lease, told of in time when it is lost.
package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// ErrLost ends the process: whoever holds the lease now may be at work already.
var ErrLost = errors.New("lost the lease: it was not renewed in time, or another process changed it; " +
	"the process ends so that only one leader writes")

// Election is how a process comes to lead.
type Election struct {
	Lock    resourcelock.Interface
	Timings Timings
	// StandBy is called, on a goroutine of its own, when another process is found to lead. It is called once at the most.
	StandBy func()
	// Fence is opened while the lease is held.
	Fence *Fence
}

// Lead waits for the lease, runs work while holding it, and frees it once work has returned.
//
// When stop ends, work drains first: its context is stop's own, while the lease's goes on being renewed until work has
// returned. When the lease is lost, Lead returns at once and does not wait: the process has to end.
func Lead(stop context.Context, e Election, work func(context.Context) error) error {
	tenure := newTenure(e)
	won := make(chan struct{})
	var stoodBy atomic.Bool
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:            tenure,
		LeaseDuration:   e.Timings.LeaseDuration,
		RenewDeadline:   e.Timings.RenewDeadline,
		RetryPeriod:     e.Timings.RetryPeriod,
		ReleaseOnCancel: true,
		Name:            "mirrorball",
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(won) },
			OnStoppedLeading: func() {},
			OnNewLeader: func(identity string) {
				if identity != "" && identity != e.Lock.Identity() && !stoodBy.Swap(true) {
					e.StandBy()
				}
			},
		},
	})
	if err != nil {
		return fmt.Errorf("set up leader election: %w", err)
	}
	election, endElection := context.WithCancel(context.WithoutCancel(stop))
	defer endElection()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		elector.Run(election)
	}()

	select {
	case <-won:
	case <-stop.Done(): // while standing by
		endElection()
		<-ended
		return nil
	}

	working, endWork := context.WithCancelCause(stop)
	defer endWork(nil)
	done := make(chan error, 1)
	go func() { done <- work(working) }()
	select {
	case err := <-done:
		endElection() // frees the lease: nobody has to wait until it has run out
		<-ended
		return err
	case <-tenure.lost:
	case <-ended:
	}
	endWork(ErrLost)
	return ErrLost
}

// tenure is a lock that tells when it is no longer held.
//
// The elector does so too, but late: having failed for renewDeadline it first tries to free the lease that it could
// not renew, for up to renewDeadline again, which is longer than others wait before they take over.
type tenure struct {
	resourcelock.Interface
	// lost is closed when the lease was not renewed for the limit, or is seen in somebody else's hands.
	lost  chan struct{}
	limit time.Duration
	fence *Fence

	mu    sync.Mutex
	timer *time.Timer // set while the lease is held
	over  bool        // lost is closed
}

func newTenure(e Election) *tenure {
	return &tenure{Interface: e.Lock, lost: make(chan struct{}), limit: e.Timings.RenewDeadline, fence: e.Fence}
}

// Get implements resourcelock.Interface.
func (t *tenure) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := t.Interface.Get(ctx)
	if err == nil && record.HolderIdentity != t.Identity() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.timer != nil {
			t.end()
		}
	}
	return record, raw, err
}

// Create implements resourcelock.Interface.
func (t *tenure) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if t.isOver() {
		return ErrLost
	}
	asked := time.Now()
	err := t.Interface.Create(ctx, record)
	t.note(asked, record, err)
	return err
}

// Update implements resourcelock.Interface.
//
// A lease that was lost is not written again, not even to free it: the elector frees a lease by the record that it saw
// last, having just read the version of the record that is there now. So it would free its successor's.
func (t *tenure) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if t.isOver() {
		return ErrLost
	}
	asked := time.Now()
	err := t.Interface.Update(ctx, record)
	t.note(asked, record, err)
	return err
}

// note counts the limit from when the renewal was asked for: the answer may have been long under way.
func (t *tenure) note(asked time.Time, record resourcelock.LeaderElectionRecord, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil || t.over {
		return
	}
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	if record.HolderIdentity != t.Identity() {
		t.fence.hold(time.Time{})
		return // freed
	}
	t.fence.hold(asked.Add(t.limit))
	var timer *time.Timer
	timer = time.AfterFunc(t.limit-time.Since(asked), func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.timer == timer { // else a renewal came in just now
			t.end()
		}
	})
	t.timer = timer
}

func (t *tenure) isOver() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.over
}

func (t *tenure) end() {
	if !t.over {
		t.over = true
		t.fence.hold(time.Time{})
		close(t.lost)
	}
}
