package replicator

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

const (
	// firstBackoff is how long an object is not written to after the first refusal. It doubles with each further one, up
	// to maxBackoff.
	firstBackoff = time.Second
	maxBackoff   = 5 * time.Minute
	// toleratedWrites is how many times in a row what was written is put back at once.
	toleratedWrites = 5
	// maxTracked is how many objects of a source are watched for writes that do not last.
	maxTracked = 4096
)

// backoffKey is an object and what is done to it. The object holds the kind: a ServiceAccount and a Secret of one name
// have nothing to do with each other. Removals are counted apart: what is withdrawn must not wait for the end of a
// fight over what stands there.
type backoffKey struct {
	informers.Key
	removal bool
}

func backoffKeyOf(object informers.Key, a *plan.Action) backoffKey {
	return backoffKey{object, a.Removes()}
}

// recordKind is the kind of records, where a backoffKey names one.
const recordKind annotations.Kind = "Record"

// backoffs are the objects that one source's replicas can't be written to for now, and those that were written to since
// all was in sync.
type backoffs map[backoffKey]*backoff

// backoff is the state of one object.
type backoff struct {
	// failures counts the refusals in a row, and writes the writes that were soon needed again.
	failures, writes int
	// namespace is the UID of the namespace of the last write: in a new one nobody has undone anything.
	namespace types.UID
	// until is when the next write may be tried, and last when the last one was.
	until, last time.Time
	// reason is the API server's; empty where the writes succeed but do not last.
	reason string
}

func (b backoffs) at(k backoffKey) *backoff {
	w := b[k]
	if w == nil {
		w = &backoff{}
		b[k] = w
	}
	return w
}

// failed delays the next write after a refusal.
func (b backoffs) failed(k backoffKey, reason string, now time.Time) *backoff {
	w := b.at(k)
	w.reason, w.last = reason, now
	w.until = now.Add(doubled(w.failures))
	w.failures++
	return w
}

func doubled(times int) time.Duration { return min(firstBackoff<<min(times, 20), maxBackoff) }

// succeeded counts a write after which nothing more should be to do, and delays the next one once there was too much of
// it: somebody else keeps undoing what is written, and writing against them at full speed helps nobody.
func (b backoffs) succeeded(k backoffKey, namespace types.UID, now time.Time) {
	if b[k] == nil && len(b) >= maxTracked && !b.evict(now) {
		return
	}
	w := b.at(k)
	if w.namespace != namespace {
		w.writes = 0
	}
	w.failures, w.reason, w.namespace, w.last, w.until = 0, "", namespace, now, time.Time{}
	w.writes++
	if w.writes > toleratedWrites {
		w.until = now.Add(doubled(w.writes - toleratedWrites))
	}
}

// evict makes room: it forgets an object that does not wait. Which one is left to chance, so that nobody can plan on
// it.
func (b backoffs) evict(now time.Time) bool {
	for k, w := range b {
		if !w.until.After(now) {
			delete(b, k)
			return true
		}
	}
	return false
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
func (b backoffs) remaining(k backoffKey, now time.Time) time.Duration {
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
			s.Add(scopeOf(k.Key))
		}
	}
	return s
}

// next returns how long it is until an object may be written to again; 0 where none has to wait.
func (b backoffs) next(now time.Time) time.Duration {
	var next time.Duration
	for _, w := range b {
		if remaining := w.until.Sub(now); remaining > 0 && (next == 0 || remaining < next) {
			next = remaining
		}
	}
	return next
}

// scopeOf is what has to be looked at on account of one object.
func scopeOf(k informers.Key) informers.Scope {
	switch k.Kind {
	case informers.ServiceAccountKind:
		return informers.NamespaceScope(k.Namespace)
	case recordKind, attachmentKind:
		return informers.Scope{} // every pass looks at it
	}
	return informers.ObjectScope(k.NamespacedName)
}
