package e2e

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// neverAbsent asserts that an object was there all the time, from one version of it to another.
func (s *scene) neverAbsent(from, to object) {
	s.Helper()
	events := s.watch(from)
	defer events.Stop()
	timeout := time.After(harness.Timeout)
	for {
		select {
		case event := <-events.ResultChan():
			if event.Type != watch.Added && event.Type != watch.Modified {
				s.Fatalf("%s: a watch says %s between the versions %s and %s", from, event.Type, from.version, to.version)
			}
			if o, ok := event.Object.(*unstructured.Unstructured); ok && o.GetResourceVersion() == to.version {
				return
			}
		case <-timeout:
			s.Fatalf("%s: a watch does not come to the version %s", from, to.version)
		}
	}
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
func (s *scene) outlives(o object, grace time.Duration, event func()) {
	s.Helper()
	events := s.watch(o)
	defer events.Stop()
	since := time.Now()
	event()
	timeout := time.After(harness.Timeout + grace)
	for {
		select {
		case event := <-events.ResultChan():
			if event.Type != watch.Deleted {
				continue
			}
			if after := time.Since(since); after < grace {
				s.Fatalf("%s is gone after %s, the grace is %s", o, after, grace)
			}
			return
		case <-timeout:
			s.Fatalf("%s is still there", o)
		}
	}
}

// pushed is a source that is pushed into the namespaces that match.
func pushed(k kind, namespace, name, patterns string) object {
	return object{
		kind: k, namespace: namespace, name: name, data: map[string]string{"token": "one"},
		annotations: map[string]string{native + "push-to": patterns},
	}
}

func TestReplicasOutliveADeletedSourceThroughTheGraceAndNoLonger(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := s.create(pushed(k, from, s.token(), to))
		replica := s.replicated(source, to)
		s.outlives(replica, grace, func() { s.delete(source) })
	})
}

func TestWhatTheGraceDelaysAndWhatHappensAtOnce(t *testing.T) {
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
	again := pushed(k, from, "deleted", policy)
	again.data = map[string]string{"token": "two"}
	kept = s.create(again)
	followed := s.replicated(kept, a)
	s.neverAbsent(replica, followed)
	s.reaches(kept, a, b)

	// Made again as it was, nothing is written at all.
	s.unmoved(func() {
		s.delete(kept)
		kept = s.create(again)
	}, a, b)

	// Made again with a narrower policy, what that does not select goes at once.
	s.delete(kept)
	again.annotations = map[string]string{native + "push-to": b}
	kept = s.create(again)
	s.reaches(kept, b)

	// Made again without a policy, its replicas stay through the grace, and it is told.
	s.delete(kept)
	again.annotations = nil
	bare := s.create(again)
	s.told(bare, "Recreated", native+"survives-recreation")
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

func TestASourceMadeAgainWithoutItsAnnotationsLosesItsReplicasWhenTheGraceEnds(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := s.create(pushed(k, from, s.token(), to))
		replica := s.replicated(source, to)
		var bare object
		s.outlives(replica, grace, func() {
			s.delete(source)
			bare = s.create(object{kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "two"}})
			s.told(bare, "Recreated", native+"survives-recreation")
		})
		s.untouched(bare)
	})
}

func TestASourceThatSurvivesItsRecreationHasItsPolicyBack(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := pushed(k, from, s.token(), to)
		source.annotations[native+"survives-recreation"] = "true"
		source = s.create(source)
		first := s.replicated(source, to)
		s.system.CatchUp(s) // the policy is remembered
		s.delete(source)
		bare := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "two"},
			annotations: map[string]string{"example.com/note": "by another tool"},
		})
		second := s.replicated(bare, to)
		s.neverAbsent(first, second)
		now := s.get(k, from, s.token())
		want := map[string]string{
			native + "push-to": to, native + "survives-recreation": "true", "example.com/note": "by another tool",
		}
		if diff := cmp.Diff(want, now.annotations); diff != "" {
			t.Errorf("the source's annotations (-want +got):\n%s", diff)
		}
		// It is the old policy in every respect: once it does not survive, the replicas go with it.
		s.annotate(now, native+"survives-recreation", "false")
		s.unannotate(now, native+"push-to", native+"survives-recreation")
		s.gone(k, to, s.token())
	})
}

func TestASourceThatSaysKeepLeavesItsReplicasBehind(t *testing.T) {
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

func TestAReplicaThatStrangersHoldDoesNotKeepTheOthersFromGoing(t *testing.T) {
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
