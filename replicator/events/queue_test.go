package events

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func eventIn(namespace, name string) *eventsv1.Event {
	return &eventsv1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

func nameOf(event *eventsv1.Event) string {
	if event == nil {
		return ""
	}
	return event.Namespace + "/" + event.Name
}

func TestQueueIsFair(t *testing.T) {
	q := newQueue(4)
	for _, step := range []struct{ namespace, name, wantDropped string }{
		{"noisy", "1", ""}, {"noisy", "2", ""}, {"noisy", "3", ""}, {"noisy", "4", ""},
		{"noisy", "5", "noisy/5"},
		{"quiet", "1", "noisy/4"},
		{"quiet", "2", "noisy/3"},
		{"quiet", "3", "quiet/3"}, // it has as many as any other
		{"third", "1", ""},
	} {
		dropped := nameOf(q.add(eventIn(step.namespace, step.name)))
		if step.wantDropped == "" && step.namespace == "third" {
			if dropped != "noisy/2" && dropped != "quiet/2" {
				t.Errorf("%s/%s: dropped %q, want the newest of one of the longest", step.namespace, step.name, dropped)
			}
			continue
		}
		if dropped != step.wantDropped {
			t.Errorf("%s/%s: dropped %q, want %q", step.namespace, step.name, dropped, step.wantDropped)
		}
	}
}

func TestQueueTakesTurns(t *testing.T) {
	q := newQueue(10)
	for i := range 3 {
		q.add(eventIn("noisy", strconv.Itoa(i)))
	}
	q.add(eventIn("quiet", "0"))
	q.close()
	var got []string
	for event := q.next(); event != nil; event = q.next() {
		got = append(got, nameOf(event))
	}
	if diff := cmp.Diff([]string{"noisy/0", "quiet/0", "noisy/1", "noisy/2"}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if len(q.waiting) != 0 || len(q.turns) != 0 || q.size != 0 {
		t.Errorf("what is left: %d namespaces, %d turns, size %d", len(q.waiting), len(q.turns), q.size)
	}
}

func TestQueueWakesItsReaders(t *testing.T) {
	q, got := newQueue(1), make(chan string)
	for range 2 {
		go func() { got <- nameOf(q.next()) }()
	}
	q.add(eventIn("a", "1"))
	if name := <-got; name != "a/1" {
		t.Errorf("got %q", name)
	}
	q.close()
	if name := <-got; name != "" {
		t.Errorf("got %q from a closed queue", name)
	}
}

// TestFlood has one namespace that records more than the queue holds before anything is written.
func TestFlood(t *testing.T) {
	dropped := 0
	w := NewWriter(nil, nil, func() { dropped++ })
	subject := func(namespace string) Subject {
		return Subject{Kind: "Secret", NamespacedName: types.NamespacedName{Namespace: namespace, Name: "s"}}
	}
	for range 2 * maxQueued {
		w.Warning(t.Context(), subject("noisy"), "Ignored", "")
	}
	w.Warning(t.Context(), subject("quiet"), "Frozen", "")
	if dropped != maxQueued+1 {
		t.Errorf("%d events are counted as dropped, want %d", dropped, maxQueued+1)
	}
	if w.queue.next(); w.queue.next().Namespace != "quiet" {
		t.Error("the event of the other namespace is not among the first")
	}
}
