package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEditedReplica: a replica that was edited by hand is put back.
func TestEditedReplica(t *testing.T) {
	edits := map[string]func(*object){
		"data changed":                        func(o *object) { o.data["token"] = "mine" },
		"data added":                          func(o *object) { o.data["mine"] = "1" },
		"data removed":                        func(o *object) { o.data = nil },
		"made immutable":                      func(o *object) { o.immutable = true },
		"its label of who manages it":         func(o *object) { o.labels["app.kubernetes.io/managed-by"] = "me" },
		"its label of what it is, gone":       func(o *object) { delete(o.labels, "app.kubernetes.io/managed-by") },
		"its source's namespace in the label": func(o *object) { o.labels[native+"source-namespace"] = "elsewhere" },
		"its source's name in the label":      func(o *object) { delete(o.labels, native+"source-name") },
		"all annotations gone":                func(o *object) { o.annotations = nil },
		"the reference gone":                  func(o *object) { delete(o.annotations, native+"replica-of") },
		"all at once": func(o *object) {
			o.data, o.annotations = map[string]string{"mine": "1"}, nil
			o.labels["app.kubernetes.io/managed-by"] = "me"
		},
	}
	inName := strings.NewReplacer(" ", "-", ",", "", "'", "")
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		for what, edit := range edits {
			source := s.create(object{
				kind: k, namespace: from, name: inName.Replace(what), data: map[string]string{"token": "one"},
				annotations: map[string]string{native + "push-to": to},
			})
			before := s.replicated(source, to)
			s.edit(before, edit)
			s.eventually(func() error {
				now, err := s.find(k, to, source.name)
				if err != nil {
					return fmt.Errorf("%s: %w", what, err)
				}
				if diff := cmp.Diff(lasting(before), lasting(now), cmp.AllowUnexported(object{})); diff != "" {
					return fmt.Errorf("%s: the replica is not put back (-want +got):\n%s", what, diff)
				}
				return nil
			})
		}
	})
}

// lasting is a replica without what another write of it changes, or its being made again.
func lasting(replica object) object {
	replica.uid, replica.version = "", ""
	replica.annotations = maps.Clone(replica.annotations)
	delete(replica.annotations, native+"replicated-at")
	return replica
}

// TestDeletedReplica: a replica that was deleted by hand is created again.
func TestDeletedReplica(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": to},
		})
		for range 3 {
			s.delete(s.replicated(source, to))
		}
		s.replicated(source, to)
	})
}

// TestReplicaWithFinalizer: a replica that a finalizer holds is created again once it is gone.
func TestReplicaWithFinalizer(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": to},
		})
		first := s.edit(s.replicated(source, to), func(o *object) { o.finalizers = []string{"example.com/hold"} })
		s.delete(first)
		held := s.get(k, to, s.token())
		s.untouched(held)
		s.release(held)
		s.eventually(func() error {
			now, err := s.find(k, to, s.token())
			if err == nil && now.uid == first.uid {
				err = fmt.Errorf("%s is not gone yet", now)
			}
			return err
		})
		s.replicated(source, to)
	})
}

// TestForeignMetadata: what others add to a replica is kept.
func TestForeignMetadata(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": to},
		})
		replica := s.replicated(source, to)
		var edited object
		s.unmoved(nil, to)
		mark := s.mark()
		edited = s.edit(replica, func(o *object) {
			o.labels["example.com/team"] = "blue"
			o.annotations["example.com/note"] = "ours"
			o.finalizers = []string{"example.com/hold"}
		})
		defer s.release(edited)
		s.untouched(edited)
		if writes := s.writes(mark, to); len(writes) > 0 {
			t.Errorf("the controller wrote %q", writes)
		}

		// Neither a change of the source nor a repair takes it away.
		source = s.edit(source, func(o *object) { o.data["token"] = "two" })
		s.replicated(source, to)
		s.edit(replica, func(o *object) { o.data["token"] = "mine" })
		now := s.replicated(source, to)
		want := edited
		want.data = source.data
		if diff := cmp.Diff(lasting(want), lasting(now), cmp.AllowUnexported(object{})); diff != "" {
			t.Errorf("the replica (-want +got):\n%s", diff)
		}
	})
}
