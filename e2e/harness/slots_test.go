package harness

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func TestSlots(t *testing.T) {
	t.Run("never more than there are, and nobody waits for ever", func(t *testing.T) {
		s := slots{dir: t.TempDir(), count: 3}
		var held atomic.Int32
		var all sync.WaitGroup
		for i := range 12 {
			n := 1 + i%2
			all.Go(func() {
				release, err := s.take(t.Context(), n)
				if err != nil {
					t.Error(err)
					return
				}
				if now := held.Add(int32(n)); now > 3 {
					t.Errorf("%d slots are held, of 3", now)
				}
				held.Add(int32(-n))
				release()
			})
		}
		all.Wait()
	})
	t.Run("more than there are counts as all", func(t *testing.T) {
		release, err := slots{dir: t.TempDir(), count: 1}.take(t.Context(), 2)
		if err != nil {
			t.Fatal(err)
		}
		release()
	})
	t.Run("the wait ends with its context", func(t *testing.T) {
		s := slots{dir: t.TempDir(), count: 1}
		release, err := s.take(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.take(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
	})
}
