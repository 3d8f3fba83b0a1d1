package lease

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type answers struct{ requests int }

func (a *answers) RoundTrip(*http.Request) (*http.Response, error) {
	a.requests++
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// checkFence checks that a write is answered as wanted, and a read at any time.
func checkFence(t *testing.T, transport http.RoundTripper, when string, want error) {
	t.Helper()
	request := func(method string) error {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://sim", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(r)
		if err == nil {
			err = response.Body.Close()
		}
		return err
	}
	if err := request(http.MethodPost); !errors.Is(err, want) {
		t.Errorf("%s: a write answers %v, want %v", when, err, want)
	}
	if err := request(http.MethodGet); err != nil {
		t.Errorf("%s: a read answers %v", when, err)
	}
}

// TestFence: nothing is written before the lease is held, nor after it has ended.
func TestFence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var server answers
		var fence Fence
		transport := fence.Wrap(&server)
		check := func(when string, want error) {
			t.Helper()
			checkFence(t, transport, when, want)
		}
		check("while standing by", ErrLost)
		lock := &memoryLock{}
		e := election(lock)
		e.Fence = &fence
		ended := make(chan struct{})
		err := Lead(t.Context(), e, func(ctx context.Context) error {
			<-time.After(time.Minute)
			check("while leading", nil)
			lock.set(func(l *memoryLock) { l.down = true })
			<-ctx.Done()
			check("after the lease has ended", ErrLost)
			close(ended)
			return nil
		})
		if !errors.Is(err, ErrLost) {
			t.Errorf("Lead: %v, want %v", err, ErrLost)
		}
		<-ended // Lead does not wait for it
		if server.requests != 4 {
			t.Errorf("the server got %d requests, want 4", server.requests)
		}
	})
}

// TestFenceEndsByItself: in a process that stood still nothing has closed the fence when it goes on.
func TestFenceEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fence Fence
		transport := fence.Wrap(&answers{})
		fence.hold(time.Now().Add(time.Second))
		checkFence(t, transport, "before the lease has ended", nil)
		<-time.After(time.Second)
		checkFence(t, transport, "after the lease has ended", ErrLost)
	})
}

// TestFenceOfFreedLease: nothing is written once the lease was freed, although it would have lasted longer.
func TestFenceOfFreedLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := election(&memoryLock{})
		if err := Lead(t.Context(), e, func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
		checkFence(t, e.Fence.Wrap(&answers{}), "after the lease was freed", ErrLost)
	})
}
