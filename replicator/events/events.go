// Package events tells people, by Events of Kubernetes, when something changes.
//
// It does not use client-go's broadcaster. That one keys its series by type, action, reason and the object with its
// field path, and not by the note: an event whose note has changed is counted in the series of the one before, and its
// note is never written. People would be told of the first list of occupied targets, and not of a later one.
package events

import (
	"context"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/validation"
	typedeventsv1 "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/klog/v2"
)

// Recorder records events. It does not wait for the API server.
type Recorder interface {
	// Warning records that people should do something about the subject.
	Warning(ctx context.Context, subject Subject, reason, note string)
	// Normal records something that people may want to know of the subject.
	Normal(ctx context.Context, subject Subject, reason, note string)
}

// Subject is the object that an event is about.
type Subject struct {
	Kind string
	types.NamespacedName
	UID types.UID
	// Annotation is the key of the one that the event is about; empty where it is about none.
	Annotation string
}

const (
	// reporter is the controller, as events name it.
	reporter = "mirrorball.dev/mirrorball"
	// maxNote is the API's limit on an event's note, and maxInstance that on the name of the process, in bytes.
	maxNote     = 1024
	maxInstance = 128
	// maxQueued bounds the memory while the API server does not take events: the namespaces that have the most lose some.
	maxQueued = 1000
	// writers is how many events are written at a time, so that one that gets no answer does not keep back the rest.
	writers = 4
	// requestTimeout bounds one try. An event that the API server has no time for is tried several times, with pauses
	// that double.
	requestTimeout = 30 * time.Second
	tries          = 6
	firstPause     = 100 * time.Millisecond
	// flushTimeout is how long the last events may take to be written when the process ends.
	flushTimeout = 5 * time.Second
)

// Writer is a Recorder that writes events one by one, each with its own note.
type Writer struct {
	client typedeventsv1.EventsV1Interface
	// answer says what came of a try.
	answer func(ctx context.Context, err error) Answer
	// instance is this process, as events name it.
	instance string
	queue    *queue
	// dropped is called for each event that is not written, since the queue is full.
	dropped func()
}

// Answer is what came of trying to write an event.
type Answer struct {
	// Retry says that the API server had no time for it.
	Retry bool
	// Refusal says why the API server did not take it; empty where it did, or where that is no news.
	Refusal string
}

var _ Recorder = (*Writer)(nil)

// NewWriter makes a Writer that does not write yet. The function answer classifies the API server's answers, and
// dropped is called for each event that the queue has no room for.
func NewWriter(
	client typedeventsv1.EventsV1Interface, answer func(context.Context, error) Answer, dropped func(),
) *Writer {
	host, _ := os.Hostname() // without one, the controller's name has to do
	instance := strings.TrimSuffix(reporter+"-"+host, "-")
	return &Writer{
		client: client, answer: answer, instance: instance[:min(len(instance), maxInstance)],
		queue: newQueue(maxQueued), dropped: dropped,
	}
}

// Start writes events until stop is called, which returns when the last ones are written. Nothing may be recorded
// afterwards.
func (w *Writer) Start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the last ones are written all the same
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for event := w.queue.next(); event != nil; event = w.queue.next() {
				w.write(ctx, event)
			}
		})
	}
	return func() {
		w.queue.close()
		flush := time.AfterFunc(flushTimeout, cancel)
		wg.Wait()
		flush.Stop()
		cancel()
	}
}

// write tries until the API server has taken or refused the event. Its name is its own, so that a second try can't make
// a second event.
func (w *Writer) write(ctx context.Context, event *eventsv1.Event) {
	var answer Answer
	for try := range tries {
		bounded, cancel := context.WithTimeout(ctx, requestTimeout)
		_, err := w.client.Events(event.Namespace).Create(bounded, event, metav1.CreateOptions{})
		cancel()
		if answer = w.answer(ctx, err); !answer.Retry {
			break
		}
		select {
		case <-time.After(firstPause << try):
		case <-ctx.Done():
			return
		}
	}
	if answer.Refusal != "" {
		klog.FromContext(ctx).
			Info("event rejected by the API server", "subject", klog.KRef(event.Namespace, event.Regarding.Name),
				"event", event.Reason, "reason", answer.Refusal)
	}
}

// Warning implements Recorder.
func (w *Writer) Warning(ctx context.Context, subject Subject, reason, note string) {
	w.enqueue(ctx, subject, corev1.EventTypeWarning, reason, note)
}

// Normal implements Recorder.
func (w *Writer) Normal(ctx context.Context, subject Subject, reason, note string) {
	w.enqueue(ctx, subject, corev1.EventTypeNormal, reason, note)
}

func (w *Writer) enqueue(ctx context.Context, subject Subject, eventType, reason, note string) {
	event := &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: subject.Namespace, Name: eventName(subject.Name)},
		EventTime:  metav1.NowMicro(),
		Regarding: corev1.ObjectReference{
			APIVersion: "v1", Kind: subject.Kind, Namespace: subject.Namespace, Name: subject.Name, UID: subject.UID,
		},
		ReportingController: reporter, ReportingInstance: w.instance,
		Type: eventType, Reason: reason, Action: "Replicate", Note: shorten(note),
	}
	if subject.Annotation != "" {
		event.Regarding.FieldPath = "metadata.annotations['" + subject.Annotation + "']"
	}
	if lost := w.queue.add(event); lost != nil {
		w.dropped()
		klog.FromContext(ctx).V(1).Info("event dropped: event queue is full",
			"subject", klog.KRef(lost.Namespace, lost.Regarding.Name), "event", lost.Reason)
	}
}

// eventName returns a name that no other event has: the object's, as is usual, and a random end.
func eventName(object string) string {
	end := "." + rand.String(16)
	return strings.TrimRight(object[:min(len(object), validation.DNS1123SubdomainMaxLength-len(end))], "-.") + end
}

func shorten(note string) string {
	if len(note) <= maxNote {
		return note
	}
	cut := maxNote - len("…")
	for !utf8.RuneStart(note[cut]) {
		cut--
	}
	return note[:cut] + "…"
}
