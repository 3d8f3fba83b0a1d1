package lease

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/mirrorball-dev/mirrorball/replicator/liveness"
)

// TestRenewals: the check of the lease passes in a standby and in a leader that renews. In a leader that lost the lease
// it fails only if the process does not end.
func TestRenewals(t *testing.T) {
	tests := map[string]struct {
		lock *memoryLock
		// change is made after a while, and wait is how long the process lives on after that.
		change func(*memoryLock)
		wait   time.Duration
		want   string
	}{
		"a leader renews": {lock: &memoryLock{}, wait: time.Hour},
		"the process is about to end": {
			lock: &memoryLock{}, change: down, wait: DefaultTimings().RenewDeadline + 2*time.Second,
		},
		"the process does not end": {
			lock: &memoryLock{}, change: down, wait: time.Minute, want: "the lease was not renewed",
		},
		"a standby waits":                       {lock: heldByOther(), wait: time.Hour},
		"a standby waits without an API server": {lock: heldByOther(), change: down, wait: time.Hour},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				renewals := NewRenewals(tc.lock, DefaultTimings())
				var monitor liveness.Monitor
				monitor.Watch(renewals.Subject())
				ctx, cancel := context.WithCancel(t.Context())
				go monitor.Run(ctx)
				ended := make(chan error, 1)
				go func() {
					ended <- Lead(ctx, election(renewals), func(ctx context.Context) error { <-ctx.Done(); return nil })
				}()
				<-time.After(5 * time.Minute)
				if tc.change != nil {
					tc.lock.set(tc.change)
				}
				<-time.After(tc.wait)
				err := monitor.Check("lease")
				if (err != nil) != (tc.want != "") || err != nil && !strings.HasPrefix(err.Error(), tc.want) {
					t.Errorf("the check says %v, want %q", err, tc.want)
				}
				cancel()
				if err := <-ended; err != nil && !errors.Is(err, ErrLost) {
					t.Error(err)
				}
			})
		})
	}
}

func down(l *memoryLock) { l.down = true }

func heldByOther() *memoryLock {
	return &memoryLock{record: &resourcelock.LeaderElectionRecord{
		HolderIdentity: "other", LeaseDurationSeconds: 24 * 3600,
	}}
}
