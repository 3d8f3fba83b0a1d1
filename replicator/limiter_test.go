package replicator

import (
	"context"
	"testing"
	"testing/synctest"
)

func TestWriteLimit(t *testing.T) {
	for _, limit := range []int{1, 2, 8, 64} {
		synctest.Test(t, func(t *testing.T) {
			w := newWriteLimiter(limit)
			if w.limit() != limit {
				t.Errorf("the limit is %d, want %d", w.limit(), limit)
			}
			ctx, cancel := context.WithCancel(t.Context())
			begun, ended := make(chan func(), 2*limit), make(chan error, 2*limit)
			for i := range 2 * limit {
				go func() {
					done, err := w.acquire(ctx, i%2 == 0)
					if err != nil {
						ended <- err
						return
					}
					begun <- done
				}()
			}
			synctest.Wait()
			if len(begun) != limit {
				t.Errorf("%d writes are under way, want %d", len(begun), limit)
			}
			(<-begun)()
			synctest.Wait()
			if len(begun) != limit {
				t.Errorf("after one has ended, %d writes are under way, want %d", len(begun), limit)
			}
			cancel()
			synctest.Wait()
			if len(begun) != limit || len(ended) != limit-1 {
				t.Errorf("when it stops, %d writes go on and %d are given up, want %d and %d",
					len(begun), len(ended), limit, limit-1)
			}
		})
	}
}

func TestUrgentReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriteLimiter(8)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for range 20 {
			go w.acquire(ctx, false) //nolint:errcheck // they hold what they get
		}
		synctest.Wait()
		done, err := w.acquire(ctx, true)
		if err != nil {
			t.Fatal(err)
		}
		done()
	})
}
