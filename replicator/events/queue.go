package events

import (
	"sync"

	eventsv1 "k8s.io/api/events/v1"
)

// queue holds the events that wait to be written, in a FIFO for each namespace. Namespaces take turns, and a full queue
// drops the newest event of the namespace that has the most: who causes many events loses their own, not the others'.
type queue struct {
	mu       sync.Mutex
	ready    *sync.Cond
	limit    int
	size     int
	isClosed bool
	waiting  map[string][]*eventsv1.Event
	// turns are the namespaces that have events, the next one first.
	turns []string
}

func newQueue(limit int) *queue {
	q := &queue{limit: limit, waiting: map[string][]*eventsv1.Event{}}
	q.ready = sync.NewCond(&q.mu)
	return q
}

// add takes an event in, and returns the one that had to make room for it: it may be the same.
func (q *queue) add(event *eventsv1.Event) (dropped *eventsv1.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	namespace := event.Namespace
	if q.size == q.limit {
		longest := q.longest()
		//mutant:fair-events
		if len(q.waiting[namespace]) >= len(q.waiting[longest]) {
			return event
		}
		dropped = q.dropNewest(longest)
	}
	if len(q.waiting[namespace]) == 0 {
		q.turns = append(q.turns, namespace)
	}
	q.waiting[namespace] = append(q.waiting[namespace], event)
	q.size++
	q.ready.Signal()
	return dropped
}

func (q *queue) longest() (longest string) {
	for namespace, events := range q.waiting {
		if len(events) > len(q.waiting[longest]) {
			longest = namespace
		}
	}
	return longest
}

// dropNewest is called for a namespace that has more than one event, so that its turn stays.
func (q *queue) dropNewest(namespace string) *eventsv1.Event {
	events := q.waiting[namespace]
	last := len(events) - 1
	event := events[last]
	events[last], q.waiting[namespace] = nil, events[:last]
	q.size--
	return event
}

// next waits for an event. It returns nil once the queue is closed and empty.
func (q *queue) next() *eventsv1.Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.size == 0 {
		if q.isClosed {
			return nil
		}
		q.ready.Wait()
	}
	namespace := q.turns[0]
	q.turns = q.turns[1:]
	events := q.waiting[namespace]
	event := events[0]
	events[0] = nil
	if len(events) == 1 {
		delete(q.waiting, namespace)
	} else {
		q.waiting[namespace] = events[1:]
		q.turns = append(q.turns, namespace)
	}
	q.size--
	return event
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.isClosed = true
	q.ready.Broadcast()
}
