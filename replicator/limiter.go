package replicator

import "context"

// writeLimiter bounds the writes of the process that are under way. A part of the bound is reserved for urgent passes:
// where thousands of others wait, what a new namespace lacks need not queue with them.
type writeLimiter struct{ shared, reserved chan struct{} }

func newWriteLimiter(limit int) *writeLimiter {
	reserved := (limit + 6) / 8 // none of one
	return &writeLimiter{shared: make(chan struct{}, limit-reserved), reserved: make(chan struct{}, reserved)}
}

func (w *writeLimiter) limit() int { return cap(w.shared) + cap(w.reserved) }

// acquire waits until there is room for a write. The caller calls release after it. It fails only with ctx.
func (w *writeLimiter) acquire(ctx context.Context, urgent bool) (release func(), err error) {
	defer workerOf(ctx).wait()()
	reserved := w.reserved
	if !urgent {
		reserved = nil // never ready
	}
	select {
	case w.shared <- struct{}{}:
		release = func() { <-w.shared }
	case reserved <- struct{}{}:
		release = func() { <-reserved }
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		release()
		return nil, err
	}
	return release, nil
}
