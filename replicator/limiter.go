package replicator

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// writeLimiter bounds the writes of the process that are under way. Bulk writes keep to the pace that it finds. Urgent
// ones are outside of that bound by what is reserved for them: where thousands of others wait, what a new namespace
// lacks need not queue with them, neither here nor in the API server.
type writeLimiter struct {
	mu       sync.Mutex
	pace     pace
	reserved int
	// underWay are all writes, and bulk those of them that are not urgent.
	underWay, bulk int
	// The elements of both are chan struct{}, closed when it is the turn of who waits.
	urgentWaiting, bulkWaiting *list.List
}

// newWriteLimiter returns a limiter that never has more than this many writes under way.
func newWriteLimiter(limit int) *writeLimiter {
	reserved := (limit + 6) / 8 // none of one
	return &writeLimiter{
		pace: newPace(limit - reserved), reserved: reserved, urgentWaiting: list.New(), bulkWaiting: list.New(),
	}
}

// limit returns how many writes may be under way at the most, whatever the pace.
func (w *writeLimiter) limit() int { return w.pace.max + w.reserved }

// bound returns how many bulk writes may be under way at present.
func (w *writeLimiter) bound() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pace.bound()
}

// answered takes in the API server's answer to a write: the pace follows from it.
func (w *writeLimiter) answered(began time.Time, err error) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.pace.succeeded(began, now)
	case isOverload(err):
		w.pace.overloaded(began, now)
	}
	w.admit()
}

// acquire waits until there is room for a write. The caller calls release after it. It fails only with ctx.
func (w *writeLimiter) acquire(ctx context.Context, urgent bool) (release func(), err error) {
	defer workerOf(ctx).wait()()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	turn := make(chan struct{})
	w.mu.Lock()
	waiting := w.waiting(urgent)
	place := waiting.PushBack(turn)
	w.admit()
	w.mu.Unlock()
	release = func() { w.release(urgent) }
	select {
	case <-turn:
	case <-ctx.Done():
		w.mu.Lock()
		waiting.Remove(place) // does nothing if its turn has come
		w.mu.Unlock()
	}
	if err := ctx.Err(); err != nil {
		select {
		case <-turn:
			release()
		default:
		}
		return nil, err
	}
	return release, nil
}

func (w *writeLimiter) waiting(urgent bool) *list.List {
	if urgent {
		return w.urgentWaiting
	}
	return w.bulkWaiting
}

func (w *writeLimiter) release(urgent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.underWay--
	if !urgent {
		w.bulk--
	}
	w.admit()
}

// admit lets those who wait begin as far as there is room, urgent ones first.
func (w *writeLimiter) admit() {
	room := w.pace.bound() + w.reserved
	for ; w.underWay < room && w.urgentWaiting.Len() > 0; w.underWay++ {
		begin(w.urgentWaiting)
	}
	for ; w.underWay < room && w.bulk < w.pace.bound() && w.bulkWaiting.Len() > 0; w.underWay++ {
		w.bulk++
		begin(w.bulkWaiting)
	}
	if w.bulkWaiting.Len() > 0 {
		w.pace.waited = true
	}
}

func begin(waiting *list.List) {
	turn, _ := waiting.Remove(waiting.Front()).(chan struct{})
	close(turn)
}
