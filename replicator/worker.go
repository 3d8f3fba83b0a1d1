package replicator

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mirrorball-dev/mirrorball/informers"
)

// worker is what one of the workers does at present, for metrics and health checks. It travels in the context of a
// pass, and decides nothing.
type worker struct {
	number int
	// moves changes when a pass or a request of it begins or ends.
	moves atomic.Uint64
	// waits are the requests that are under way, and the writes that wait for room.
	waits atomic.Int64

	mu sync.Mutex
	// key is what is reconciled since then; zero between two passes.
	key   informers.Key
	since time.Time
}

func newWorkers(n int) []*worker {
	workers := make([]*worker, n)
	for i := range workers {
		workers[i] = &worker{number: i}
	}
	return workers
}

type workerContextKey struct{}

func (w *worker) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, workerContextKey{}, w)
}

// workerOf returns the worker whose pass a context is of, or nil.
func workerOf(ctx context.Context) *worker {
	w, _ := ctx.Value(workerContextKey{}).(*worker)
	return w
}

// begin notes that a pass begins. The caller calls end after it.
func (w *worker) begin(key informers.Key) (end func()) {
	w.set(key, time.Now())
	return func() { w.set(informers.Key{}, time.Time{}) }
}

func (w *worker) set(key informers.Key, since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.key, w.since = key, since
	w.moves.Add(1)
}

// running returns what is reconciled, and for how long; 0 between two passes.
func (w *worker) running() (key informers.Key, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.since.IsZero() {
		return w.key, 0
	}
	return w.key, time.Since(w.since)
}

// wait notes that a pass waits for the API server, directly or for room for a write. The caller calls done after it.
func (w *worker) wait() (done func()) {
	if w == nil {
		return func() {}
	}
	w.waits.Add(1)
	w.moves.Add(1)
	return func() {
		w.moves.Add(1)
		w.waits.Add(-1)
	}
}

// waitingTransport notes the requests of passes.
type waitingTransport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t waitingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	defer workerOf(r.Context()).wait()()
	return t.next.RoundTrip(r)
}

// WrappedRoundTripper implements k8s.io/apimachinery/pkg/util/net.RoundTripperWrapper.
func (t waitingTransport) WrappedRoundTripper() http.RoundTripper { return t.next }
