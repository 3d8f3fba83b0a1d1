package replicator

import (
	"container/list"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"

	"github.com/mirrorball-dev/mirrorball/informers"
)

// queue holds the sources to look at. A source with pressing news (it has changed itself, or a namespace that it may
// reach is new) comes before those that only have more to do, so that a new namespace or a removal need not wait for
// the end of what may be ten thousand writes.
type queue struct {
	workqueue.TypedRateLimitingInterface[informers.Key]
	lanes *lanes
}

func newQueue(m workqueue.MetricsProvider) *queue {
	const name = "sources"
	l := newLanes()
	// Per key only: a bucket shared by all keys would make the last of many failing sources wait for half an hour.
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[informers.Key](20*time.Millisecond, 5*time.Minute)
	waiting := workqueue.NewTypedWithConfig(
		workqueue.TypedQueueConfig[informers.Key]{Name: name, MetricsProvider: m, Queue: l})
	delaying := workqueue.NewTypedDelayingQueueWithConfig(
		workqueue.TypedDelayingQueueConfig[informers.Key]{Name: name, MetricsProvider: m, Queue: waiting})
	return &queue{
		TypedRateLimitingInterface: workqueue.NewTypedRateLimitingQueueWithConfig(limiter,
			workqueue.TypedRateLimitingQueueConfig[informers.Key]{DelayingQueue: delaying}),
		lanes: l,
	}
}

// Press adds a source with pressing news.
func (q *queue) Press(key informers.Key) {
	q.lanes.press(key)
	q.Add(key)
}

// Pressed says that a source with pressing news waits for a worker.
func (q *queue) Pressed() bool { return q.lanes.pressed() }

// lanes are the order in which sources wait: a fast lane and an ordinary one. It implements workqueue.Queue.
type lanes struct {
	mu       sync.Mutex
	pressing map[informers.Key]struct{}
	waiting  map[informers.Key]place
	// The elements of both are keys.
	fast, ordinary *list.List
	// streak is how often in a row the fast lane went first.
	streak int
}

type place struct {
	lane    *list.List
	element *list.Element
}

func newLanes() *lanes {
	return &lanes{
		pressing: map[informers.Key]struct{}{}, waiting: map[informers.Key]place{},
		fast: list.New(), ordinary: list.New(),
	}
}

func (l *lanes) press(key informers.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pressing[key] = struct{}{}
}

func (l *lanes) pressed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fast.Len() > 0
}

// Push takes in a source that does not wait yet.
func (l *lanes) Push(key informers.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put(key)
}

// Touch lets a source that waits change to the fast lane.
func (l *lanes) Touch(key informers.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.waiting[key]; p.lane == l.ordinary {
		p.lane.Remove(p.element)
		l.put(key)
	}
}

func (l *lanes) put(key informers.Key) {
	lane := l.ordinary
	if _, ok := l.pressing[key]; ok {
		lane = l.fast
	}
	l.waiting[key] = place{lane, lane.PushBack(key)}
}

// Len counts both lanes.
func (l *lanes) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// Pop is the first of the fast lane, but now and then of the ordinary one: were somebody to make news without end, the
// others would still get on.
func (l *lanes) Pop() informers.Key {
	const inARow = 3
	l.mu.Lock()
	defer l.mu.Unlock()
	lane := l.fast
	if lane.Len() == 0 || l.streak == inARow && l.ordinary.Len() > 0 {
		lane, l.streak = l.ordinary, 0
	} else {
		l.streak = min(l.streak+1, inARow)
	}
	key, _ := lane.Remove(lane.Front()).(informers.Key)
	delete(l.waiting, key)
	delete(l.pressing, key)
	return key
}
