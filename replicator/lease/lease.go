// Package lease has one process at a time do the work: leader election by a Lease, told of in time when it is lost.
package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// Kubernetes' own controllers use these. A leader that cannot renew stops after renewDeadline, and nobody takes over
// before leaseDuration has gone by: what is between them is the margin in which two never write.
const (
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
)

// RequestTimeout is for the lock's client: one request that hangs must not use up the whole time for a renewal.
const RequestTimeout = renewDeadline / 2

// ErrLost ends the process: whoever holds the lease now may be at work already.
var ErrLost = errors.New("lost the lease: it was not renewed in time, or another process changed it; " +
	"the process ends so that only one leader writes")

// Lead waits for the lease, runs work while holding it, and frees it once work has returned.
//
// When stop ends, work drains first: its context is stop's own, while the lease's goes on being renewed until work has
// returned. When the lease is lost, Lead returns at once and does not wait: the process has to end.
func Lead(stop context.Context, lock resourcelock.Interface, work func(context.Context) error) error {
	tenure := newTenure(lock, renewDeadline)
	won := make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:            tenure,
		LeaseDuration:   leaseDuration,
		RenewDeadline:   renewDeadline,
		RetryPeriod:     retryPeriod,
		ReleaseOnCancel: true,
		Name:            "mirrorball",
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(won) },
			OnStoppedLeading: func() {},
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

	mu    sync.Mutex
	timer *time.Timer // set while the lease is held
	over  bool        // lost is closed
}

func newTenure(lock resourcelock.Interface, limit time.Duration) *tenure {
	return &tenure{Interface: lock, lost: make(chan struct{}), limit: limit}
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
		return // freed
	}
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
		close(t.lost)
	}
}
