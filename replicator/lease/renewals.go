package lease

import (
	"context"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/mirrorball-dev/mirrorball/replicator/liveness"
)

// renewalTolerance is for how long after its lease has run out a leader may go on living. kube-controller-manager and
// kube-scheduler have the same in their check of leader election.
const renewalTolerance = 20 * time.Second

// Renewals is a lock that counts the renewals of the lease, for a health check. A leader that cannot renew ends by
// itself after renewDeadline; the check is for one that does not.
type Renewals struct {
	resourcelock.Interface
	timings Timings

	held  atomic.Bool
	count atomic.Uint64
}

// NewRenewals returns a lock on top of another.
func NewRenewals(lock resourcelock.Interface, timings Timings) *Renewals {
	return &Renewals{Interface: lock, timings: timings}
}

// Create implements resourcelock.Interface.
func (r *Renewals) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return r.note(record, r.Interface.Create(ctx, record))
}

// Update implements resourcelock.Interface.
func (r *Renewals) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return r.note(record, r.Interface.Update(ctx, record))
}

func (r *Renewals) note(record resourcelock.LeaderElectionRecord, err error) error {
	if err == nil {
		r.held.Store(record.HolderIdentity == r.Identity())
		r.count.Add(1)
	}
	return err
}

// Subject is what the health check "lease" looks at.
func (r *Renewals) Subject() liveness.Subject {
	return liveness.Subject{
		Check: liveness.Lease, Name: "the lease", Limit: r.timings.LeaseDuration + renewalTolerance,
		Problem: "was not renewed, and the process has not ended,",
		Sample: func() liveness.Sample {
			return liveness.Sample{Moves: r.count.Load(), Due: r.held.Load()}
		},
	}
}
