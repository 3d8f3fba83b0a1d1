package harness

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestMarkers(t *testing.T) {
	t.Run("calls during a marker share the next one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var m markers
			var sent atomic.Int32
			open := make(chan struct{})
			send := func(context.Context) error {
				sent.Add(1)
				<-open
				return nil
			}
			var all sync.WaitGroup
			call := func() {
				all.Go(func() {
					if err := m.next(t.Context(), send); err != nil {
						t.Error(err)
					}
				})
			}
			call()
			synctest.Wait() // the first marker is under way
			for range 5 {
				call()
			}
			synctest.Wait()
			if n := sent.Load(); n != 1 {
				t.Errorf("%d markers are under way at the same time", n)
			}
			close(open)
			all.Wait()
			if n := sent.Load(); n != 2 {
				t.Errorf("%d markers were sent, want 2: one is under way, and the five callers share another", n)
			}
		})
	})
	t.Run("an error is everybody's", func(t *testing.T) {
		var m markers
		want := errors.New("no answer")
		if err := m.next(t.Context(), func(context.Context) error { return want }); !errors.Is(err, want) {
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("a caller whose context ends waits no longer", func(t *testing.T) {
		var m markers
		open := make(chan struct{})
		defer close(open)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := m.next(ctx, func(context.Context) error { <-open; return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
	})
}
