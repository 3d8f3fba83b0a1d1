package replicator

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestWriteLimit(t *testing.T) {
	for _, limit := range []int{1, 2, 8, firstWrites} {
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

// TestBoundFollowsAnswers: what waits begins when the bound grows, and the reserve is beyond it.
func TestBoundFollowsAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriteLimiter(64)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var underWay atomic.Int64
		begin := func(urgent bool, n int) {
			for range n {
				go func() {
					if _, err := w.acquire(ctx, urgent); err == nil {
						underWay.Add(1)
					}
				}()
			}
			synctest.Wait()
		}
		check := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if n := int(underWay.Load()); n != want {
				t.Errorf("%s: %d writes are under way, want %d", what, n, want)
			}
		}
		begin(false, 100)
		check("at first", firstWrites)
		for range minRound {
			w.answered(time.Now(), nil)
		}
		check("after a quick round", firstWrites*maxStep)
		begin(true, 100)
		check("with urgent ones", firstWrites*maxStep+8)
		w.answered(time.Now(), apierrors.NewTooManyRequests("later", 1))
		if w.bound() != firstWrites {
			t.Errorf("after a 429 the bound is %d", w.bound())
		}
		w.answered(time.Now(), apierrors.NewConflict(schema.GroupResource{}, "s", nil))
		if w.bound() != firstWrites {
			t.Errorf("after a conflict the bound is %d", w.bound())
		}
	})
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
