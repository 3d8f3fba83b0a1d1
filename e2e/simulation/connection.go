package simulation

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
)

// connection is the http.RoundTripper of one process; it ends with the process.
type connection struct {
	network *network
	by      string
	dead    chan struct{}
}

// RoundTrip implements http.RoundTripper.
func (c *connection) RoundTrip(r *http.Request) (*http.Response, error) {
	rnd, profile := c.network.begin(c.by, r)
	delay := rnd.between(100*time.Microsecond, 4*time.Millisecond)
	if profile != NoFaults && rnd.oneIn(12) {
		delay = rnd.between(50*time.Millisecond, 3*time.Second)
		c.network.count(faultSlow)
	}
	if err := c.wait(r.Context(), delay); err != nil {
		return nil, err
	}
	terms := apiservertest.Terms{By: c.by}
	fault := chooseFault(rnd, profile, r)
	if fault != "" {
		c.network.count(fault)
	}
	switch fault {
	case "":
	case faultStaleList:
		terms.Lag = uint64(1 + rnd.IntN(30))
	case faultAnswerLost:
		response, err := c.serve(r, terms)
		if err == nil {
			_ = response.Body.Close()
		}
		_ = c.wait(r.Context(), delay)
		return nil, io.ErrUnexpectedEOF
	case faultTimeout:
		if err := c.wait(r.Context(), time.Minute); err != nil {
			return nil, err
		}
		return nil, errRefused
	case faultRefused:
		return nil, errRefused
	default:
		return errorResponse(r, fault, 1+rnd.IntN(3)), nil
	}
	response, err := c.serve(r, terms)
	if err != nil {
		return nil, err
	}
	if w, ok := response.Body.(*apiservertest.Watch); ok {
		response.Body = &watchBody{Watch: w, connection: c, random: rnd}
		return response, nil
	}
	if err := c.wait(r.Context(), delay); err != nil {
		return nil, err
	}
	return response, nil
}

func (c *connection) serve(r *http.Request, terms apiservertest.Terms) (*http.Response, error) {
	select {
	case <-c.dead:
		return nil, errRefused
	default:
	}
	response, err := c.network.server.Serve(r, terms)
	if err == nil && response.StatusCode < http.StatusBadRequest && r.Method != http.MethodGet {
		c.network.recordWrite(c.by, r)
	}
	return response, err
}

// wait returns after d, or with an error when the request or the process ends.
func (c *connection) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.dead:
		return errRefused
	}
}

// maxStall is how long a watch can stall before the connection is found dead, as by HTTP/2's pings.
const maxStall = 45 * time.Second

// watchBody is the body of a watch's answer. It delays what the watch brings, stalls, and breaks.
type watchBody struct {
	*apiservertest.Watch
	connection *connection
	random     random
	unread     []byte
}

// Read implements io.Reader.
func (b *watchBody) Read(p []byte) (int, error) {
	if len(b.unread) == 0 {
		frame, err := b.next()
		if err != nil {
			return 0, err
		}
		b.unread = frame
	}
	n := copy(p, b.unread)
	b.unread = b.unread[n:]
	return n, nil
}

func (b *watchBody) next() ([]byte, error) {
	frame, err := b.Next()
	if err != nil {
		return nil, err
	}
	ctx, network := b.Context(), b.connection.network
	if resumed := network.resumed(b.connection.by, b.URL.Query()); resumed != nil {
		select {
		case <-resumed:
		case <-b.connection.dead:
		case <-ctx.Done():
		}
	}
	delay := b.random.between(50*time.Microsecond, 2*time.Millisecond)
	switch network.currentProfile() {
	case OccasionalFaults, FrequentFaults:
		switch roll := b.random.IntN(100); {
		case roll < 2:
			network.count(faultWatchClosed)
			return nil, io.EOF
		case roll < 3:
			network.count(faultWatchExpired)
			b.Expire()
			return b.Next()
		case roll < 6:
			network.count(faultWatchStalled)
			if err := b.connection.wait(ctx, b.random.between(time.Second, maxStall)); err != nil {
				return nil, err
			}
			if b.random.oneIn(2) {
				return nil, io.ErrUnexpectedEOF
			}
		case roll < 20:
			delay = b.random.between(time.Millisecond, 500*time.Millisecond)
		}
	case Outage:
		return nil, io.ErrUnexpectedEOF
	}
	return frame, b.connection.wait(ctx, delay)
}
