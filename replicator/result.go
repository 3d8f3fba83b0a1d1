package replicator

import "time"

// result says when a source is to be reconciled again, apart from further changes. The zero result is done.
type result struct {
	requeue requeue
	// after is how long to wait at the most; 0 is until something changes.
	after time.Duration
}

type requeue uint8

const (
	_ requeue = iota
	// requeueNow: there is more to do.
	requeueNow
	// requeueWithBackoff: what was seen was outdated. Soon, and later each time that this goes on.
	requeueWithBackoff
)

// done is the result of a pass that left nothing to do.
var done result

func requeueAfter(d time.Duration) result { return result{after: max(d, time.Millisecond)} }

// merge makes r the sooner of the two; a backoff is stronger than a requeue without one.
func (r *result) merge(other result) {
	r.requeue = max(r.requeue, other.requeue)
	if r.after == 0 || other.after > 0 && other.after < r.after {
		r.after = other.after
	}
}
