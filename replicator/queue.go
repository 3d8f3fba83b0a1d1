package replicator

import (
	"container/list"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"

	"github.com/mirrorball-dev/mirrorball/informers"
)

// queue holds the sources to reconcile. A source with an urgent change comes before the others, so that a new namespace
// need not wait for the end of what may be ten thousand writes.
type queue struct {
	workqueue.TypedRateLimitingInterface[informers.Key]
	lanes *lanes
}

// queueName is the name of the queue in metrics.
const queueName = "sources"

// newQueue returns a queue for so many workers, and extra ones for urgent keys only.
func newQueue(m workqueue.MetricsProvider, workers int) *queue {
	l := newLanes(workers)
	// Per key only: a bucket shared by all keys would make the last of many failing sources wait for half an hour.
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[informers.Key](20*time.Millisecond, 5*time.Minute)
	waiting := workqueue.NewTypedWithConfig(
		workqueue.TypedQueueConfig[informers.Key]{Name: queueName, MetricsProvider: m, Queue: l})
	delaying := workqueue.NewTypedDelayingQueueWithConfig(
		workqueue.TypedDelayingQueueConfig[informers.Key]{Name: queueName, MetricsProvider: m, Queue: waiting})
	return &queue{
		TypedRateLimitingInterface: workqueue.NewTypedRateLimitingQueueWithConfig(limiter,
			workqueue.TypedRateLimitingQueueConfig[informers.Key]{DelayingQueue: delaying}),
		lanes: l,
	}
}

// AddUrgent adds a source with an urgent change.
func (q *queue) AddUrgent(key informers.Key) {
	q.lanes.markUrgent(key)
	q.Add(key)
}

// Done ends what Get began.
func (q *queue) Done(key informers.Key) {
	q.lanes.done(key)
	q.TypedRateLimitingInterface.Done(key)
}

// IsExtra reports whether an extra worker has the key.
func (q *queue) IsExtra(key informers.Key) bool { return q.lanes.isExtra(key) }

// IsWorkedOn reports whether a worker has the key.
func (q *queue) IsWorkedOn(key informers.Key) bool { return q.lanes.isWorkedOn(key) }

// UrgentWaiting reports whether a source with an urgent change waits for a worker.
func (q *queue) UrgentWaiting() bool { return q.lanes.urgentWaiting() }

// OldestWaiting returns for how long the source that has waited the longest waits for a worker; 0 where none waits.
func (q *queue) OldestWaiting() time.Duration { return q.lanes.oldest() }

// Taken returns how many times a worker has taken a source, and reports whether any waits.
func (q *queue) Taken() (n uint64, waiting bool) { return q.lanes.progress() }

// lanes order the keys that wait by two priorities. It implements workqueue.Queue. While all workers but the extra ones
// are busy, only the keys of the fast lane are there to take: what a new namespace lacks need not wait until a pass of
// a fan-out ends.
type lanes struct {
	mu      sync.Mutex
	workers int
	urgent  map[informers.Key]struct{}
	waiting map[informers.Key]place
	// working are the keys that are worked on, with whether an extra worker has them; regular is how many the others
	// have.
	working map[informers.Key]bool
	regular int
	// The two lanes.
	fast, ordinary *lane
	// streak is how many keys in a row came from the fast lane.
	streak int
	// arrivals are the times since when the keys wait, the oldest first, and taken is how many were taken out.
	arrivals *list.List
	taken    uint64
}

type place struct {
	lane *lane
	// element is that of the lane, and arrival that of the arrivals.
	element, arrival *list.Element
}

func newLanes(workers int) *lanes {
	return &lanes{
		workers: workers, urgent: map[informers.Key]struct{}{}, waiting: map[informers.Key]place{},
		working: map[informers.Key]bool{}, fast: newLane(), ordinary: newLane(), arrivals: list.New(),
	}
}

// busy reports whether all workers but the extra ones are.
func (l *lanes) busy() bool { return l.regular >= l.workers }

func (l *lanes) done(key informers.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.working[key] {
		l.regular--
	}
	delete(l.working, key)
}

func (l *lanes) isExtra(key informers.Key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.working[key]
}

func (l *lanes) isWorkedOn(key informers.Key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, found := l.working[key]
	return found
}

func (l *lanes) markUrgent(key informers.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.urgent[key] = struct{}{}
}

func (l *lanes) urgentWaiting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.fast.empty()
}

// Push takes in a key that does not wait yet.
func (l *lanes) Push(key informers.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put(key, l.arrivals.PushBack(time.Now()))
}

// Touch lets a key that waits change to the fast lane.
func (l *lanes) Touch(key informers.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.waiting[key]; p.lane == l.ordinary {
		p.lane.remove(key, p.element)
		l.put(key, p.arrival)
	}
}

func (l *lanes) put(key informers.Key, arrival *list.Element) {
	lane := l.ordinary
	if _, ok := l.urgent[key]; ok {
		lane = l.fast
	}
	l.waiting[key] = place{lane, lane.push(key), arrival}
}

func (l *lanes) progress() (taken uint64, waiting bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken, len(l.waiting) > 0
}

func (l *lanes) oldest() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if front := l.arrivals.Front(); front != nil {
		since, _ := front.Value.(time.Time)
		return time.Since(since)
	}
	return 0
}

// Len returns how many keys there are to take.
func (l *lanes) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy() {
		return l.fast.len
	}
	return len(l.waiting)
}

// Pop returns the first key of the fast lane, but after some in a row one of the ordinary lane: however many urgent
// changes somebody makes, the other sources still get a turn.
func (l *lanes) Pop() informers.Key {
	const inARow = 3
	l.mu.Lock()
	defer l.mu.Unlock()
	lane, extra := l.fast, l.busy()
	switch {
	case extra: // the other lane's are not to be taken
	case lane.empty() || l.streak == inARow && !l.ordinary.empty():
		lane, l.streak = l.ordinary, 0
	default:
		l.streak = min(l.streak+1, inARow)
	}
	key := lane.pop()
	l.arrivals.Remove(l.waiting[key].arrival)
	l.taken++
	delete(l.waiting, key)
	delete(l.urgent, key)
	l.working[key] = extra
	if !extra {
		l.regular++
	}
	return key
}
