package replicator

import (
	"context"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	toolsevents "k8s.io/client-go/tools/events"

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
	// first tells warnings of one reason apart by the annotation they begin with; empty otherwise.
	first string
}

func (f *finding) warn(subject informers.Key, uid types.UID, reason, note string) {
	first := ""
	if reason == reasonFrozen || reason == reasonIgnored {
		first = note
	}
	f.warnings = append(f.warnings, warning{warningKey{subject, reason, first}, uid, note})
}

// events tells of changes of outcome.
type events struct {
	broadcaster toolsevents.EventBroadcaster
	recorder    toolsevents.EventRecorder
}

func newEvents(client kubernetes.Interface) *events {
	b := toolsevents.NewBroadcaster(&toolsevents.EventSinkImpl{Interface: client.EventsV1()})
	return &events{broadcaster: b, recorder: b.NewRecorder(runtime.NewScheme(), "mirrorball.dev/mirrorball")}
}

func (e *events) start(ctx context.Context) (stop func(), err error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // what was said last still goes out
	if err := e.broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		cancel()
		return nil, err
	}
	return func() { e.broadcaster.Shutdown(); cancel() }, nil
}

func (e *events) send(subject informers.Key, uid types.UID, kind, reason, action, note string) {
	// A metadata object can't be an event's subject: it has to be a reference.
	ref := &corev1.ObjectReference{
		APIVersion: "v1", Kind: string(subject.Kind), Namespace: subject.Namespace, Name: subject.Name.Name, UID: uid,
	}
	e.recorder.Eventf(ref, nil, kind, reason, action, "%s", shorten(note))
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
func (e *events) tell(s *state, warnings []warning) {
	current := make(map[warningKey]string, len(warnings))
	for _, w := range warnings {
		if _, twice := current[w.warningKey]; twice {
			continue
		}
		current[w.warningKey] = w.note
		if s.told[w.warningKey] != w.note {
			e.send(w.subject, w.uid, corev1.EventTypeWarning, w.reason, "Replicate", w.note)
		}
	}
	s.told = current
}

// list is a sentence's worth of names: the first few, and how many more.
func list(names []annotations.Name) string {
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
