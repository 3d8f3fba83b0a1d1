package lease

import (
	"net/http"
	"sync/atomic"
	"time"
)

// Fence lets a process change something only while it holds its lease. A process that stood still, and goes on after
// its lease has ended, would else send what it was about to send before it learns of that: its timers and its other
// goroutines go on at the same moment. What was sent already is up to the API server, as are the versions that each
// request names.
type Fence struct{ until atomic.Pointer[time.Time] }

// Wrap returns a transport that refuses requests other than reads, with [ErrLost], while the lease is not held.
func (f *Fence) Wrap(next http.RoundTripper) http.RoundTripper { return &fenced{f, next} }

// hold opens the fence until a time; the zero time closes it.
func (f *Fence) hold(until time.Time) { f.until.Store(&until) }

func (f *Fence) isOpen() bool {
	until := f.until.Load()
	return until != nil && time.Now().Before(*until)
}

type fenced struct {
	fence *Fence
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *fenced) RoundTrip(r *http.Request) (*http.Response, error) {
	//mutant:fence
	if r.Method != http.MethodGet && !t.fence.isOpen() {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, ErrLost
	}
	return t.next.RoundTrip(r)
}

// WrappedRoundTripper implements k8s.io/apimachinery/pkg/util/net.RoundTripperWrapper.
func (t *fenced) WrappedRoundTripper() http.RoundTripper { return t.next }
