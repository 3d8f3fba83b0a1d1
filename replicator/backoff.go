package replicator

import (
	"time"

	"github.com/mirrorball-dev/mirrorball/informers"
)

const (
	// firstBackoff is how long an object is not written to after the first refusal. It doubles with each further one, up
	// to maxBackoff.
	firstBackoff = time.Second
	maxBackoff   = 5 * time.Minute
	// toleratedRepairs is how many times in a row a replica is put back at once.
	toleratedRepairs = 5
)

// backoffs are the objects that one source's replicas can't be written to for now. The keys hold the kind: a
// ServiceAccount and a Secret of one name have nothing to do with each other.
type backoffs map[informers.Key]*backoff

// backoff is the state of one object.
type backoff struct {
	failures int
	// until is when the next write may be tried, and last when the last one was.
	until, last time.Time
	// reason is the API server's; empty where the writes succeed but do not last.
	reason string
}

// failed delays the next write after a refusal.
func (b backoffs) failed(k informers.Key, reason string, now time.Time) *backoff {
	w := b[k]
	if w == nil {
		w = &backoff{}
		b[k] = w
	}
	w.reason, w.last = reason, now
	w.until = now.Add(min(firstBackoff<<min(w.failures, 20), maxBackoff))
	w.failures++
	return w
}

// repaired counts that a replica was put back, and delays the next time once it happens too often: somebody else keeps
// changing it, and writing against them at full speed helps nobody.
func (b backoffs) repaired(k informers.Key, now time.Time) {
	w := b.failed(k, "", now)
	if w.failures <= toleratedRepairs {
		w.until = time.Time{}
	} else {
		w.until = now.Add(min(firstBackoff<<min(w.failures-toleratedRepairs, 20), maxBackoff))
	}
}

// expire forgets objects that were not written to for a while.
func (b backoffs) expire(now time.Time) {
	for k, w := range b {
		if now.After(w.until) && now.Sub(w.last) > 2*maxBackoff {
			delete(b, k)
		}
	}
}

// remaining returns how long an object is not to be written to.
func (b backoffs) remaining(k informers.Key, now time.Time) time.Duration {
	if w := b[k]; w != nil {
		return max(0, w.until.Sub(now))
	}
	return 0
}

// due returns the objects that may be written to again.
func (b backoffs) due(now time.Time) informers.Scope {
	var s informers.Scope
	for k, w := range b {
		if !w.until.IsZero() && !w.until.After(now) {
			s.Add(scopeOf(k))
		}
	}
	return s
}

// next returns how long it is until an object may be written to again; 0 where none has to wait.
func (b backoffs) next(now time.Time) time.Duration {
	var next time.Duration
	for _, w := range b {
		if left := w.until.Sub(now); left > 0 && (next == 0 || left < next) {
			next = left
		}
	}
	return next
}

// scopeOf is what has to be looked at on account of one object.
func scopeOf(k informers.Key) informers.Scope {
	if k.Kind == informers.ServiceAccountKind {
		return informers.NamespaceScope(k.Namespace)
	}
	return informers.ObjectScope(k.NamespacedName)
}
