package replicator

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

func queueKey(name string) informers.Key {
	return informers.Key{Kind: annotations.Secret, NamespacedName: types.NamespacedName{Namespace: "from", Name: name}}
}

// take gets so many keys out of the queue, and is done with each at once.
func take(q *queue, n int) (names []string) {
	for range n {
		key, _ := q.Get()
		names = append(names, key.Name)
		q.Done(key)
	}
	return names
}

func newTestQueue(t *testing.T) *queue {
	t.Helper()
	q := newQueue(newMetrics(prometheus.NewRegistry(), gauges{}), 2)
	t.Cleanup(q.ShutDown)
	return q
}

func TestUrgentKeysGoFirst(t *testing.T) {
	q := newTestQueue(t)
	q.Add(queueKey("a"))
	q.Add(queueKey("b"))
	q.AddUrgent(queueKey("c"))
	q.AddUrgent(queueKey("b")) // it waits already
	q.AddUrgent(queueKey("c")) // and so does this one, which does not lose its place
	if q.Len() != 3 || !q.UrgentWaiting() {
		t.Fatalf("%d sources wait, urgent %v; want 3, true", q.Len(), q.UrgentWaiting())
	}
	if diff := cmp.Diff([]string{"c", "b", "a"}, take(q, 3)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if q.Len() != 0 || q.UrgentWaiting() {
		t.Errorf("%d sources wait, urgent %v; want none", q.Len(), q.UrgentWaiting())
	}
	q.Add(queueKey("d"))
	q.Add(queueKey("c")) // it is not urgent any more
	if diff := cmp.Diff([]string{"d", "c"}, take(q, 2)); diff != "" {
		t.Errorf("order of the next (-want +got):\n%s", diff)
	}
}

// TestUrgentKeysAndOthers: urgent keys do not starve the others.
func TestUrgentKeysAndOthers(t *testing.T) {
	q := newTestQueue(t)
	q.Add(queueKey("patient"))
	q.Add(queueKey("waiting"))
	var order []string
	for range 8 {
		q.AddUrgent(queueKey("restless"))
		order = append(order, take(q, 1)...)
	}
	want := []string{"restless", "restless", "restless", "patient", "restless", "restless", "restless", "waiting"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestExtraWorkers(t *testing.T) {
	q := newTestQueue(t)
	for _, name := range []string{"a", "b", "c"} {
		q.Add(queueKey(name))
	}
	get := func(want string, extra bool) {
		t.Helper()
		key, _ := q.Get()
		if key.Name != want || q.IsExtra(key) != extra {
			t.Errorf("%s was taken, by an extra worker: %t; want %s, %t", key.Name, q.IsExtra(key), want, extra)
		}
	}
	get("a", false)
	get("b", false)
	if q.Len() != 0 {
		t.Errorf("%d sources are there to take while both workers are busy, want none", q.Len())
	}
	q.AddUrgent(queueKey("d"))
	get("d", true)
	q.AddUrgent(queueKey("e"))
	get("e", true)
	q.Done(queueKey("d"))
	if q.Len() != 0 {
		t.Errorf("%d sources are there to take while both workers are busy, want none", q.Len())
	}
	q.Done(queueKey("a"))
	get("c", false)
}

// TestExtraWorkersDoNotStarveOthers: those who wait for a worker get one when it is free again.
func TestExtraWorkersDoNotStarveOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(newMetrics(prometheus.NewRegistry(), gauges{}), 2)
		const sources, passes = 20, 50
		var mu sync.Mutex
		left := map[informers.Key]int{}
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				for key, shutdown := q.Get(); !shutdown; key, shutdown = q.Get() {
					<-time.After(time.Millisecond)
					mu.Lock()
					left[key]--
					again := left[key] > 0
					mu.Unlock()
					q.Done(key)
					if again {
						q.Add(key)
					}
				}
			})
		}
		for i := range sources {
			key := queueKey(fmt.Sprint(i))
			mu.Lock()
			left[key] = passes
			mu.Unlock()
			if i%4 == 0 {
				q.AddUrgent(key)
			} else {
				q.Add(key)
			}
		}
		<-time.After(time.Minute)
		for key, n := range left {
			if n > 0 {
				t.Errorf("%s waits for %d more passes", key.Name, n)
			}
		}
		q.ShutDown()
		workers.Wait()
	})
}

func TestUrgentChangeDuringAPass(t *testing.T) {
	q := newTestQueue(t)
	q.Add(queueKey("a"))
	key, _ := q.Get()
	q.Add(queueKey("b"))
	q.AddUrgent(key)
	q.Done(key)
	if diff := cmp.Diff([]string{"a", "b"}, take(q, 2)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// TestNamespacesTakeTurns: a namespace with many sources delays another one's by one.
func TestNamespacesTakeTurns(t *testing.T) {
	q := newTestQueue(t)
	in := func(namespace, name string) informers.Key {
		key := queueKey(name)
		key.Namespace = namespace
		return key
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		q.AddUrgent(in("many", name))
		q.Add(in("patient", name+"-ordinary"))
	}
	q.AddUrgent(in("few", "x"))
	q.AddUrgent(in("patient", "c-ordinary")) // out of the middle of the other lane
	got := take(q, 3)
	q.AddUrgent(in("few", "y"))
	got = append(got, take(q, q.Len())...)
	want := []string{
		"a", "x", "c-ordinary", "a-ordinary", "b", "y", "c", "b-ordinary", "d", "d-ordinary",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}
