package informers

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// This file is about the moment at which a process begins to lead. The informers of a standby have run before it. What
// they saw until then may be outdated, and the leader before may have written until its lease ended. So two things are
// only done from that moment on:
//
//   - The event handlers are added. The informer calls them for each object that it has, so that all that is derived
//     from changes is as after a start: which sources are to be looked at, since when each is one, which have left.
//   - The stores are confirmed. The API server is asked how far it is, by a list that it may not serve from an outdated
//     cache. A store that has got to this version has all that happened before the process led. A watch tells how
//     far it is by its events and its bookmarks; as the usual ones are a minute apart, it is begun anew in such a way
//     that one comes within about two seconds. A store that does not get there in time is listed again.

const (
	// confirmPatience is how long a watch may take to catch up before the store is listed again.
	confirmPatience = 5 * time.Second
	// confirmInterval is the time between two looks at how far a store is.
	confirmInterval = 20 * time.Millisecond
	// versionTimeout bounds the request for the API server's version, and versionPause is the time until the next one.
	versionTimeout, versionPause = 2 * time.Second, 200 * time.Millisecond
)

// Lead has every change told of from now on, beginning with all that there is. It asks the API server how far it is,
// and returns soon. It is called once. Where it is called before Run, the first lists are as new.
func (c *Cluster) Lead(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range c.stores() {
		wg.Go(func() { s.lead(ctx) })
	}
	wg.Wait()
	c.leading.Store(true)
}

// Confirm returns when every store has got as far as the API server was when Lead was called, or when ctx is done.
// Those of a namespace that is not there are not waited for.
func (c *Cluster) Confirm(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range c.stores() {
		wg.Go(func() { s.confirm(ctx, func() bool { return c.isAbsent(s.where()) }) })
	}
	wg.Wait()
	if ctx.Err() == nil {
		c.confirmed.Store(true)
	}
}

// Confirmed reports whether Confirm has returned: nothing is shown any more that was over when this process began to
// lead.
func (c *Cluster) Confirmed() bool { return c.confirmed.Load() }

// progress is how far a store was, and the API server after that.
type progress struct {
	seen, newest Version
	// err says why the API server did not tell.
	err error
}

// progress asks the API server how far it is.
func (s *store[T]) progress(ctx context.Context) progress {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	p := progress{seen: s.complete()}
	p.newest, p.err = s.history.newest(ctx)
	return p
}

// lead asks nothing where the namespace was not found: all that is seen in it is as new.
func (s *store[T]) lead(ctx context.Context) {
	if s.area.gate.isOpen() {
		s.led = s.progress(ctx)
	}
	s.addHandler()
}

// confirm returns when the store has got as far as the API server was when lead was called, or when its namespace has
// gone.
func (s *store[T]) confirm(ctx context.Context, isAbsent func() bool) {
	if !s.area.gate.isOpen() {
		return
	}
	s.waits(ctx, nil, func() bool { return s.informer.HasSynced() || isAbsent() })
	defer s.watcher.hurry(false)
	for p := s.led; ctx.Err() == nil; p = s.progress(ctx) {
		pause := confirmPatience
		switch {
		case apierrors.IsForbidden(p.err) && isAbsent(): // the Role went with the namespace
			return
		case p.err != nil: // the Reflector, which gets the same answers, says so
			pause = versionPause
		// Where the API server is behind, its etcd was restored from a backup, and what the store has never happened.
		case p.newest >= p.seen && s.reaches(ctx, p.newest):
			return
		default:
			s.watcher.relist()
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// reaches reports whether the store is complete up to a version, or gets there in time.
func (s *store[T]) reaches(ctx context.Context, version Version) bool {
	reached := func() bool { return s.complete() >= version }
	if reached() || s.waits(ctx, time.After(s.watcher.untilRestart()), reached) {
		return true
	}
	s.watcher.hurry(true)
	s.watcher.restart()
	return s.waits(ctx, time.After(confirmPatience), reached)
}

// waits waits until a condition holds, and reports whether it does. It gives up when end comes, or ctx is done.
func (s *store[T]) waits(ctx context.Context, end <-chan time.Time, holds func() bool) bool {
	tick := time.NewTicker(confirmInterval)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return false
		case <-end:
			return false
		case <-tick.C:
		}
	}
	return true
}
