package e2e

import (
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// neverAbsent asserts that an object was there all the time, from one version of it to another.
func (s *scene) neverAbsent(from, to object) {
	s.Helper()
	events := s.watch(from)
	defer events.Stop()
	for {
		event := s.nextEvent(events, fmt.Sprintf("%s: a watch has not come to the version %s", from, to.version))
		if event.Type != watch.Added && event.Type != watch.Modified {
			s.Fatalf("%s: a watch says %s between the versions %s and %s", from, event.Type, from.version, to.version)
		}
		if o, ok := event.Object.(*unstructured.Unstructured); ok && o.GetResourceVersion() == to.version {
			return
		}
	}
}

// nextEvent waits for the next event of a watch; missing is for the test's failure.
func (s *scene) nextEvent(events watch.Interface, missing string) (event watch.Event) {
	s.Helper()
	s.eventually(func() error {
		var open bool
		select {
		case event, open = <-events.ResultChan():
			if !open {
				s.Fatalf("%s, and the API server has ended the watch", missing)
			}
			return nil
		default:
			return errors.New(missing)
		}
	})
	return event
}

// watch gives what becomes of an object after the version that is known.
func (s *scene) watch(o object) watch.Interface {
	s.Helper()
	resource := corev1.SchemeGroupVersion.WithResource(o.kind.resource())
	events, err := s.system.Dynamic.Resource(resource).Namespace(o.namespace).Watch(s.Context(), metav1.ListOptions{
		FieldSelector: "metadata.name=" + o.name, ResourceVersion: o.version,
	})
	if err != nil {
		s.Fatal(err)
	}
	return events
}

// outlives waits until an object is deleted, and asserts that this is not before the grace has gone by since an event.
// A slow machine only makes it later.
func (s *scene) outlives(o object, grace time.Duration, event func()) {
	s.Helper()
	events := s.watch(o)
	defer events.Stop()
	begin := time.Now()
	event()
	for s.nextEvent(events, fmt.Sprint(o, " is still there")).Type != watch.Deleted {
	}
	if after := time.Since(begin); after < grace {
		s.Fatalf("%s is gone after %s, the grace is %s", o, after, grace)
	}
}

// pushed is a source that is pushed into the namespaces that match.
func pushed(k kind, namespace, name, patterns string) object {
	return object{
		kind: k, namespace: namespace, name: name, data: map[string]string{"token": "one"},
		annotations: map[string]string{native + "push-to": patterns},
	}
}

// TestGrace: replicas outlive a deleted source through the grace, and no longer.
func TestGrace(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := s.create(pushed(k, from, s.token(), to))
		replica := s.replicated(source, to)
		s.outlives(replica, grace, func() { s.delete(source) })
	})
}

// TestGraceScope: some removals wait for the grace, the others happen at once.
func TestGraceScope(t *testing.T) {
	s := ownScene(t)
	s.system.Controller(s, "--source-delete-grace=1h")
	for _, k := range []kind{secret, configMap} {
		t.Run(string(k), func(t *testing.T) { testAnEndlessGrace(s.part(t), k) })
	}
}

// testAnEndlessGrace tells what happens at once from what the grace delays, by one that does not end.
func testAnEndlessGrace(s *scene, k kind) {
	from, a, b := s.namespace("from"), s.namespace("to-a"), s.namespace("to-b")
	policy := s.ns("to-*")

	kept := s.create(pushed(k, from, "deleted", policy))
	replica := s.replicated(kept, a)
	s.replicated(kept, b)
	s.unmoved(func() { s.delete(kept) }, a, b)

	// Made again, it has its replicas back, which were there all the time. Those with its old content are followed.
	recreated := pushed(k, from, "deleted", policy)
	recreated.data = map[string]string{"token": "two"}
	kept = s.create(recreated)
	followed := s.replicated(kept, a)
	s.neverAbsent(replica, followed)
	s.reaches(kept, a, b)

	// Made again as it was, nothing is written at all.
	s.unmoved(func() {
		s.delete(kept)
		kept = s.create(recreated)
	}, a, b)

	// Made again with a narrower policy, what that does not select goes at once.
	s.delete(kept)
	recreated.annotations = map[string]string{native + "push-to": b}
	kept = s.create(recreated)
	s.reaches(kept, b)

	// Made again without a policy, its replicas stay through the grace, and an event says so.
	s.delete(kept)
	recreated.annotations = nil
	bare := s.create(recreated)
	s.expectEvent(bare, "Recreated", native+"survives-recreation")
	s.reaches(kept, b)
	// Annotated before the grace ends, it goes on.
	kept = s.annotate(bare, native+"push-to", policy)
	s.reaches(kept, a, b)

	// What its owner takes back is removed at once.
	kept = s.annotate(kept, native+"push-to", a)
	s.reaches(kept, a)
	kept = s.annotate(kept, native+"push-to", "")
	s.reaches(kept)
	kept = s.annotate(kept, native+"push-to", policy)
	s.reaches(kept, a, b)
	kept = s.unannotate(kept, native+"push-to")
	s.reaches(kept)
}

// TestOnDeleteKeep: a source with on-delete: keep leaves its replicas behind.
func TestOnDeleteKeep(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := pushed(k, from, "kept", to)
		source.annotations[native+"on-delete"] = "keep"
		source = s.create(source)
		kept := s.replicated(source, to)
		removed := s.create(pushed(k, from, "removed", to))
		other := s.replicated(removed, to)
		s.delete(source)
		s.outlives(other, grace, func() { s.delete(removed) })
		s.untouched(kept)
	})
}

// TestRemovalWithFinalizer: a replica that a finalizer of others holds does not keep the others from being removed.
func TestRemovalWithFinalizer(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, held, free := s.namespace("from"), s.namespace("to-a"), s.namespace("to-b")
		source := s.create(pushed(k, from, s.token(), s.ns("to-*")))
		s.replicated(source, free)
		replica := s.edit(s.replicated(source, held), func(o *object) { o.finalizers = []string{"example.com/hold"} })
		s.delete(replica)
		s.unannotate(source, native+"push-to")
		s.gone(k, free, s.token())
		s.release(replica)
		s.gone(k, held, s.token())
	})
}
