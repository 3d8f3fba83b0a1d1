package informers

import (
	"context"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// Stream counts what the lists and watches of one store come to, for metrics and health checks.
type Stream struct {
	name string
	// running is set while the informer runs.
	running atomic.Bool
	// moves changes with everything that happens.
	moves atomic.Uint64
	// lastEvent is in nanoseconds of Unix time.
	lastEvent      atomic.Int64
	lists, watches atomic.Uint64
	failures       [len(failureNames)]atomic.Uint64
}

// Streams returns the streams of all stores.
func (c *Cluster) Streams() []*Stream {
	var all []*Stream
	for _, s := range c.stores() {
		all = append(all, s.observed())
	}
	return all
}

// Name is that of the store, such as "secrets" or "secrets/replicas".
func (s *Stream) Name() string { return s.name }

// Running reports whether the informer runs.
func (s *Stream) Running() bool { return s.running.Load() }

// Moves changes whenever a request begins or ends, or the watch delivers something.
func (s *Stream) Moves() uint64 { return s.moves.Load() }

// LastEvent returns when the watch has last delivered an event or a bookmark, or else when the informer was started.
func (s *Stream) LastEvent() time.Time { return time.Unix(0, s.lastEvent.Load()) }

// Requests returns how many lists and watches were requested.
func (s *Stream) Requests() (lists, watches uint64) { return s.lists.Load(), s.watches.Load() }

// Failures returns how many requests and watches have failed, by reason.
func (s *Stream) Failures() map[string]uint64 {
	byReason := make(map[string]uint64, len(s.failures))
	for i := range s.failures {
		byReason[failureNames[i]] = s.failures[i].Load()
	}
	return byReason
}

// start notes that the informer runs. The caller calls stop when it has ended.
func (s *Stream) start() (stop func()) {
	s.lastEvent.Store(time.Now().UnixNano())
	s.moves.Add(1)
	s.running.Store(true)
	return func() { s.running.Store(false) }
}

func (s *Stream) delivered() {
	s.lastEvent.Store(time.Now().UnixNano())
	s.moves.Add(1)
}

// ended notes the end of a request or of a watch.
func (s *Stream) ended(err error) {
	if err != nil {
		s.failures[failureOf(err)].Add(1)
	}
	s.moves.Add(1)
}

// observe returns a ListerWatcher that notes in the stream what from does.
func (s *Stream) observe(from cache.ListerWatcherWithContext) *cache.ListWatch {
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			s.lists.Add(1)
			s.moves.Add(1)
			list, err := from.ListWithContext(ctx, options)
			s.ended(err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			s.watches.Add(1)
			s.moves.Add(1)
			w, err := from.WatchWithContext(ctx, options)
			s.ended(err)
			if err != nil {
				return nil, err
			}
			return newObservedWatch(w, s), nil
		},
	}
}
