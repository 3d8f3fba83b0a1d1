package lease

import (
	"fmt"
	"time"

	"k8s.io/client-go/tools/leaderelection"
)

// Timings say how fast a leader that is gone is replaced. A leader that cannot renew stops after RenewDeadline, and
// nobody takes over before LeaseDuration has gone by: what is between them is the margin in which two never write.
type Timings struct {
	// LeaseDuration is how long a lease lasts after its last renewal was seen. A Lease holds it in whole seconds.
	LeaseDuration time.Duration
	// RenewDeadline is how long after the last renewal the leader gives up.
	RenewDeadline time.Duration
	// RetryPeriod is the time between two renewals. A standby looks at the lease after one to 2.2 times as long.
	RetryPeriod time.Duration
}

// margin is the least time between RenewDeadline and LeaseDuration. In it the requests under way end, and the process.
const margin = time.Second

// DefaultTimings let a successor lead within five seconds.
func DefaultTimings() Timings {
	return Timings{LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 400 * time.Millisecond}
}

// Validate returns an error that says which timing has to be another, and why.
func (t Timings) Validate() error {
	switch {
	case t.LeaseDuration < time.Second || t.LeaseDuration%time.Second != 0:
		return fmt.Errorf("a lease duration of %s cannot be stored in a Lease; use whole seconds", t.LeaseDuration)
	case t.RenewDeadline > t.LeaseDuration-margin:
		return fmt.Errorf("a renew deadline of %s is too close to the lease duration of %s, so that two processes could "+
			"write; use at most %s", t.RenewDeadline, t.LeaseDuration, t.LeaseDuration-margin)
	case t.RetryPeriod <= 0:
		return fmt.Errorf("a retry period of %s is not positive; use %s or so", t.RetryPeriod, t.RenewDeadline/5)
	case 2*t.RetryPeriod > t.RenewDeadline:
		return fmt.Errorf("a retry period of %s leaves no time for a second attempt before the renew deadline of %s; use "+
			"at most %s", t.RetryPeriod, t.RenewDeadline, t.RenewDeadline/2)
	}
	return nil
}

// RequestTimeout is for the lock's client: one request that hangs must not use up the whole time for a renewal.
func (t Timings) RequestTimeout() time.Duration { return t.RenewDeadline / 2 }

// Takeover is how long it takes at the most until a standby leads, after the leader was killed: it sees the last
// renewal one look later, waits for the lease to end, and tries one look later.
func (t Timings) Takeover() time.Duration {
	look := time.Duration(float64(t.RetryPeriod) * (1 + leaderelection.JitterFactor))
	return t.LeaseDuration + 2*look
}
