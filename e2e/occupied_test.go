package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestAnOccupiedTargetIsLeftUntouchedAndTakenOnceItIsFree(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, taken, free := s.namespace("from"), s.namespace("to-taken"), s.namespace("to-free")
		stranger := s.create(object{kind: k, namespace: taken, name: s.token(), data: map[string]string{"token": "theirs"}})
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "ours"},
			annotations: map[string]string{native + "push-to": s.ns("to-*")},
		})
		event := s.told(source, "Occupied", taken+"/"+s.token())
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

func TestAnOccupiedTargetOutlivesThePolicyAndTheSource(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, taken, free := s.namespace("from"), s.namespace("to-taken"), s.namespace("to-free")
		stranger := s.create(object{kind: k, namespace: taken, name: s.token(), data: map[string]string{"token": "theirs"}})
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "ours"},
			annotations: map[string]string{native + "push-to": s.ns("to-*")},
		})
		s.told(source, "Occupied", taken+"/"+s.token())
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

// What looks like a replica, but is one of another source or of none, is a stranger too.
func TestAStrangerInAReplicasClothesIsLeftUntouched(t *testing.T) {
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
			s.told(source, "Occupied", to+"/"+name)
		}
		for _, stranger := range all {
			s.untouched(stranger)
		}
	})
}

func TestOfTwoSourcesThatWantOneTargetThePresentOwnerKeepsIt(t *testing.T) {
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
		s.told(loser, "Conflict", to+"/"+s.token())
		s.untouched(replica)

		s.unannotate(owner, native+"push-to")
		s.replicated(loser, to)
		s.unwarned(owner)
	})
}
