package replicator

import (
	"testing"

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
	q := newQueue(newMetrics(prometheus.NewRegistry(), nil))
	t.Cleanup(q.ShutDown)
	return q
}

func TestPressingNewsGoesFirst(t *testing.T) {
	q := newTestQueue(t)
	q.Add(queueKey("a"))
	q.Add(queueKey("b"))
	q.Press(queueKey("c"))
	q.Press(queueKey("b")) // it waits already
	q.Press(queueKey("c")) // and so does this one, which does not lose its place
	if q.Len() != 3 || !q.Pressed() {
		t.Fatalf("%d sources wait, pressed %v; want 3, true", q.Len(), q.Pressed())
	}
	if diff := cmp.Diff([]string{"c", "b", "a"}, take(q, 3)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if q.Len() != 0 || q.Pressed() {
		t.Errorf("%d sources wait, pressed %v; want none", q.Len(), q.Pressed())
	}
	q.Add(queueKey("d"))
	q.Add(queueKey("c")) // its news is old by now
	if diff := cmp.Diff([]string{"d", "c"}, take(q, 2)); diff != "" {
		t.Errorf("order of the next (-want +got):\n%s", diff)
	}
}

func TestNewsWithoutEndLeavesTheOthersATurn(t *testing.T) {
	q := newTestQueue(t)
	q.Add(queueKey("patient"))
	q.Add(queueKey("waiting"))
	var order []string
	for range 8 {
		q.Press(queueKey("restless"))
		order = append(order, take(q, 1)...)
	}
	want := []string{"restless", "restless", "restless", "patient", "restless", "restless", "restless", "waiting"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestNewsThatComesDuringAPassGoesFirstAfterIt(t *testing.T) {
	q := newTestQueue(t)
	q.Add(queueKey("a"))
	key, _ := q.Get()
	q.Add(queueKey("b"))
	q.Press(key)
	q.Done(key)
	if diff := cmp.Diff([]string{"a", "b"}, take(q, 2)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestAPassYieldsToNews(t *testing.T) {
	for _, test := range []struct {
		name string
		news informers.News
		wait func(*queue)
		want []int // the first action that is not done any more, or none
	}{
		{"nothing else to do", informers.NewsAround, func(*queue) {}, nil},
		{"the source has changed", informers.NewsOfItself, func(*queue) {}, []int{0}},
		{"a namespace is new", informers.NewsOfReach, func(*queue) {}, []int{head}},
		{"another source has news", informers.NewsAround, func(q *queue) { q.Press(queueKey("b")) }, []int{head}},
		{"another source waits", informers.NewsAround, func(q *queue) { q.Add(queueKey("b")) }, []int{turn}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &Controller{queue: newTestQueue(t)}
			s := &state{}
			s.news.Store(int64(test.news))
			test.wait(c.queue)
			var got []int
			for i := range passLimit {
				if c.yields(s, i) {
					got = append(got, i)
					break
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the first that is not done (-want +got):\n%s", diff)
			}
		})
	}
}
