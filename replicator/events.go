package replicator

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

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

// Reasons of events. Every one but Replicated is a Warning.
const (
	reasonFrozen       = "Frozen"
	reasonRefused      = "Refused"
	reasonIgnored      = "Ignored"
	reasonOccupied     = "Occupied"
	reasonConflict     = "Conflict"
	reasonBlocked      = "Blocked"
	reasonContended    = "Contended"
	reasonRecreated    = "Recreated"
	reasonForgotten    = "NotRemembered"
	reasonNotPermitted = "NotPermitted"
	reasonMismatched   = "Mismatched"
	reasonNoSource     = "NoSource"
	reasonUnreadable   = "NamespaceUnreadable"
	reasonReplicated   = "Replicated"
)

// maxNote is the API's limit on an event's note.
const maxNote = 1024

// warning is something that a person should know of an object, for as long as it is so.
type warning struct {
	warningKey
	uid  types.UID
	note string
}

type warningKey struct {
	subject informers.Key
	reason  string
	// annotation is the key of the one that the warning is about; empty where it is about none.
	annotation string
}

func (f *finding) warn(subject informers.Key, uid types.UID, reason, note string) {
	f.warnings = append(f.warnings, warning{warningKey{subject: subject, reason: reason}, uid, note})
}

// warnOf warns of an annotation.
func (f *finding) warnOf(subject informers.Key, uid types.UID, reason string, p annotations.Problem) {
	f.warnings = append(f.warnings, warning{warningKey{subject, reason, p.Key}, uid, p.String()})
}

// events tells of changes of outcome. They are written one by one, each as it was said: client-go's broadcaster takes
// all events of one reason on one object within six minutes for the same, counts the later ones and drops their notes,
// so that of two unreadable annotations people would be told of the first, and of it again when they have mended it.
type events struct {
	client typedeventsv1.EventsV1Interface
	// instance is this process, as events name it.
	instance string
	queue    chan *eventsv1.Event
}

const (
	// reporter is the controller, as events name it.
	reporter = "mirrorball.dev/mirrorball"
	// maxInstance is how long the API server lets the name of the process be.
	maxInstance = 128
	// maxQueuedEvents bounds the memory while the API server does not take events: what is said beyond is lost.
	maxQueuedEvents = 1000
	// eventWriters is how many are written at a time, so that one that gets no answer does not keep back the rest.
	eventWriters = 4
	// eventTries is how often an event is tried that the API server has no time for, with pauses that double.
	eventTries     = 6
	firstEventWait = 100 * time.Millisecond
	// eventFlush is how long what was said last may take to go out when the process ends.
	eventFlush = 5 * time.Second
)

func newEvents(client typedeventsv1.EventsV1Interface) *events {
	host, _ := os.Hostname() // without one, the controller's name has to do
	instance := strings.TrimSuffix(reporter+"-"+host, "-")
	return &events{
		client: client, instance: instance[:min(len(instance), maxInstance)],
		queue: make(chan *eventsv1.Event, maxQueuedEvents),
	}
}

// start has events written until stop, after which nothing may be said.
func (e *events) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // what was said last still goes out
	var writers sync.WaitGroup
	for range eventWriters {
		writers.Go(func() {
			for event := range e.queue {
				e.write(ctx, event)
			}
		})
	}
	return func() {
		close(e.queue)
		flush := time.AfterFunc(eventFlush, cancel)
		writers.Wait()
		flush.Stop()
		cancel()
	}
}

// write tries an event until the API server has taken or refused it. Its name is its own, so that a second try can't
// make a second event.
func (e *events) write(ctx context.Context, event *eventsv1.Event) {
	var err error
	for try := range eventTries {
		bounded, cancel := context.WithTimeout(ctx, requestTimeout)
		_, err = e.client.Events(event.Namespace).Create(bounded, event, metav1.CreateOptions{})
		cancel()
		if !overload(err) {
			break
		}
		select {
		case <-time.After(firstEventWait << try):
		case <-ctx.Done():
			return
		}
	}
	switch classify(ctx, err) {
	case done, behind, leaving, stopping:
	default:
		klog.FromContext(ctx).Info("event not written", "subject", klog.KRef(event.Namespace, event.Regarding.Name),
			"event", event.Reason, "reason", reason(err))
	}
}

func (e *events) send(ctx context.Context, key warningKey, uid types.UID, kind, note string) {
	subject := key.subject
	event := &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: subject.Namespace, Name: eventName(subject.Name)},
		EventTime:  metav1.NowMicro(),
		Regarding: corev1.ObjectReference{
			APIVersion: "v1", Kind: string(subject.Kind), Namespace: subject.Namespace, Name: subject.Name, UID: uid,
		},
		ReportingController: reporter, ReportingInstance: e.instance,
		Type: kind, Reason: key.reason, Action: "Replicate", Note: shorten(note),
	}
	if key.annotation != "" {
		event.Regarding.FieldPath = "metadata.annotations['" + key.annotation + "']"
	}
	select {
	case e.queue <- event:
	default:
		klog.FromContext(ctx).Info("event lost: too many wait for the API server",
			"subject", klog.KRef(subject.Namespace, subject.Name), "event", key.reason)
	}
}

// eventName is a name that no other event has: the object's, as is usual, and a random end.
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

// tell sends the warnings that are new or have changed, and forgets those that are over.
func (e *events) tell(ctx context.Context, s *state, warnings []warning) {
	current := make(map[warningKey]string, len(warnings))
	for _, w := range warnings {
		if _, twice := current[w.warningKey]; twice {
			continue
		}
		current[w.warningKey] = w.note
		if s.told[w.warningKey] != w.note {
			e.send(ctx, w.warningKey, w.uid, corev1.EventTypeWarning, w.note)
		}
	}
	s.told = current
}

// enumerate makes a sentence's worth of names: the first few, and how many more.
func enumerate(names []types.NamespacedName) string {
	const shown = 5
	var b strings.Builder
	for i, n := range names {
		if i == shown {
			b.WriteString(" and others")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(n.String())
	}
	return b.String()
}
