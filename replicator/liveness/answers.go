package liveness

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// recent is for how long an answer shows that the API server is there. The bookmarks of each watch come about once a
// minute, so that two of them may be missed.
const recent = 2 * time.Minute

// Answers knows when the API server has last answered.
type Answers struct {
	// last is in nanoseconds since start.
	last  atomic.Int64
	start time.Time
}

// NewAnswers returns Answers that have seen none.
func NewAnswers() *Answers {
	a := &Answers{start: time.Now()}
	a.last.Store(int64(-recent))
	return a
}

// Recent reports whether the API server has answered a moment ago.
func (a *Answers) Recent() bool { return time.Since(a.start)-time.Duration(a.last.Load()) < recent }

func (a *Answers) note() { a.last.Store(int64(time.Since(a.start))) }

// Wrap returns a transport that notes the answers that next gets. It is for [k8s.io/client-go/rest.Config.Wrap].
func (a *Answers) Wrap(next http.RoundTripper) http.RoundTripper { return &transport{next, a} }

type transport struct {
	next    http.RoundTripper
	answers *Answers
}

// RoundTrip implements http.RoundTripper. An error of the server is no answer: it may be from a load balancer whose API
// server is away.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(r)
	if err == nil && response.StatusCode < http.StatusInternalServerError {
		t.answers.note()
		response.Body = &body{response.Body, t.answers}
	}
	return response, err
}

// WrappedRoundTripper implements k8s.io/apimachinery/pkg/util/net.RoundTripperWrapper.
func (t *transport) WrappedRoundTripper() http.RoundTripper { return t.next }

// body notes what comes in later, as on a watch.
type body struct {
	io.ReadCloser
	answers *Answers
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.answers.note()
	}
	return n, err
}
