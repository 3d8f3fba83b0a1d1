package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestOccupied: an occupied target is left untouched, and taken once it is free.
func TestOccupied(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, taken, free := s.namespace("from"), s.namespace("to-taken"), s.namespace("to-free")
		stranger := s.create(object{kind: k, namespace: taken, name: s.token(), data: map[string]string{"token": "theirs"}})
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "ours"},
			annotations: map[string]string{native + "push-to": s.ns("to-*")},
		})
		event := s.expectEvent(source, "Occupied", taken+"/"+s.token())
		if event.Type != corev1.EventTypeWarning {
			t.Errorf("the event is of type %s", event.Type)
		}
		s.replicated(source, free)
		s.untouched(stranger)
		source = s.edit(source, func(o *object) { o.data["token"] = "ours, later" })
		s.replicated(source, free)
		s.untouched(stranger)

		s.delete(stranger)
		s.replicated(source, taken)
	})
}

// TestOccupiedOutlives: the object at an occupied target outlives the policy and the source.
func TestOccupiedOutlives(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, taken, free := s.namespace("from"), s.namespace("to-taken"), s.namespace("to-free")
		stranger := s.create(object{kind: k, namespace: taken, name: s.token(), data: map[string]string{"token": "theirs"}})
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "ours"},
			annotations: map[string]string{native + "push-to": s.ns("to-*")},
		})
		s.expectEvent(source, "Occupied", taken+"/"+s.token())
		s.replicated(source, free)
		source = s.unannotate(source, native+"push-to")
		s.gone(k, free, s.token())
		s.untouched(stranger)
		source = s.annotate(source, native+"push-to", s.ns("to-*"))
		s.replicated(source, free)
		s.delete(source)
		s.gone(k, free, s.token())
		s.untouched(stranger)
	})
}

// TestOccupantWithMarks: an object that has some labels of a replica, but is not one, is left untouched.
func TestOccupantWithMarks(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		strangers := map[string]object{
			"managed-by": {labels: map[string]string{"app.kubernetes.io/managed-by": "mirrorball"}},
			"of-nobody": {labels: map[string]string{
				native + "replica": "push", "app.kubernetes.io/managed-by": "mirrorball",
			}},
			"source-labels": {labels: map[string]string{
				native + "source-namespace": from, native + "source-name": "source-labels",
			}},
		}
		var all []object
		for name, stranger := range strangers {
			stranger.kind, stranger.namespace, stranger.name = k, to, name
			stranger.data = map[string]string{"token": "theirs"}
			all = append(all, s.create(stranger))
			source := s.create(object{
				kind: k, namespace: from, name: name, data: map[string]string{"token": "ours"},
				annotations: map[string]string{native + "push-to": to},
			})
			s.expectEvent(source, "Occupied", to+"/"+name)
		}
		for _, stranger := range all {
			s.untouched(stranger)
		}
	})
}

// TestPresentOwner: of two sources that want one target, the present owner keeps it.
func TestPresentOwner(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		a, b, to := s.namespace("from-a"), s.namespace("from-b"), s.namespace("to")
		source := func(namespace, data string) object {
			return s.create(object{
				kind: k, namespace: namespace, name: s.token(), data: map[string]string{"token": data},
				annotations: map[string]string{native + "push-to": to},
			})
		}
		owner := source(b, "the first")
		replica := s.replicated(owner, to)
		loser := source(a, "the second")
		s.expectEvent(loser, "Conflict", to+"/"+s.token())
		s.untouched(replica)

		s.unannotate(owner, native+"push-to")
		s.replicated(loser, to)
		s.expectNoWarning(owner)
	})
}
