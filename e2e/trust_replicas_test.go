package e2e

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// TestTrustR11StrippedLabel: a replica whose label was removed is put back.
func TestTrustR11StrippedLabel(t *testing.T) {
	edits := map[string]func(*object){
		"gone":    func(o *object) { delete(o.labels, native+"replica") },
		"changed": func(o *object) { o.labels[native+"replica"] = "mine" },
		"pull":    func(o *object) { o.labels[native+"replica"] = "pull" },
		"all":     func(o *object) { o.labels = nil },
		"and-old": func(o *object) {
			delete(o.labels, native+"replica")
			o.data["token"] = "old"
		},
		"and-frozen": func(o *object) {
			delete(o.labels, native+"replica")
			o.immutable = true
		},
	}
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		mine := s.tenant(to).asScene()
		for what, edit := range edits {
			source := s.create(pushed(k, from, what, to))
			before := s.replicated(source, to)
			mine.edit(before, edit)
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
		t.Run("one that is released is its owner's", func(t *testing.T) {
			source := s.create(pushed(k, from, "released", to))
			released := mine.edit(s.replicated(source, to), func(o *object) {
				delete(o.labels, native+"replica")
				delete(o.annotations, native+"replica-of")
			})
			s.expectEvent(source, "Occupied", to+"/released")
			s.untouched(released)
		})
	})
}

func TestTrustR13ForeignEvents(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		victim, to := s.namespace("victim"), s.namespace("to")
		forged := s.tenant(to).create(claiming(object{kind: k, namespace: to, name: "token"}, "push", victim, "token"))
		s.untilOlder(forged)
		stranger := s.create(object{kind: k, namespace: victim, name: "token", data: map[string]string{"theirs": "yes"}})
		s.system.WaitGone(s, k.resource(), forged.namespace, forged.name)
		s.expectNoWarning(stranger)
		s.untouched(stranger)
	})
}

// untilOlder waits until what is created now is younger than an object, as creationTimestamps tell: by a second.
func (s *scene) untilOlder(o object) {
	s.Helper()
	created := func(k kind, namespace, name string) metav1.Time {
		s.Helper()
		resource := schema.GroupVersionResource{Version: "v1", Resource: k.resource()}
		m, err := s.system.Dynamic.Resource(resource).Namespace(namespace).Get(s.Context(), name, metav1.GetOptions{})
		if err != nil {
			s.Fatal(err)
		}
		return m.GetCreationTimestamp()
	}
	before := created(o.kind, o.namespace, o.name)
	s.eventually(func() error {
		probe := s.create(object{kind: configMap, namespace: o.namespace, name: "probe"})
		now := created(configMap, o.namespace, probe.name)
		s.delete(probe)
		if !before.Time.Before(now.Time) {
			return fmt.Errorf("it is still %s", now)
		}
		return nil
	})
}

// within is the scene for a part of the test that goes on with what is there.
func (s *scene) within(t *testing.T) *scene { return &scene{TB: t, system: s.system, prefix: s.prefix} }

// TestTrustRecords has a controller of its own, which is stopped meanwhile.
func TestTrustRecords(t *testing.T) {
	s := ownScene(t)
	c := s.system.Controller(s, "--source-delete-grace=1s")
	from, to := s.namespace("from"), s.namespace("to")
	kept := pushed(secret, from, "kept", to)
	kept.annotations[native+"on-delete"] = "keep"
	kept = s.create(kept)
	removed := s.create(pushed(secret, from, "removed", to))
	stripped := s.create(pushed(secret, from, "stripped", to))
	replica := s.replicated(kept, to)
	s.replicated(removed, to)
	s.replicated(stripped, to)
	records := s.system.Client.CoreV1().ConfigMaps(harness.Namespace)
	labelled := metav1.ListOptions{LabelSelector: native + "record"}
	count := func(s *scene, want int) {
		s.Helper()
		s.eventually(func() error {
			list, err := records.List(s.Context(), labelled)
			if err == nil && len(list.Items) != want {
				err = fmt.Errorf("there are %d records, want %d", len(list.Items), want)
			}
			return err
		})
	}
	count(s, 1)

	s.stop(c)
	if err := records.DeleteCollection(s.Context(), metav1.DeleteOptions{}, labelled); err != nil {
		t.Fatal(err)
	}
	s.delete(kept)
	s.delete(removed)
	s.edit(object{namespace: to, name: "stripped"}, func(o *object) { delete(o.labels, native+"replica") })
	s.edit(stripped, func(o *object) { o.annotations[native+"push-to"] = "none" })
	broken := s.create(object{
		kind: configMap, namespace: harness.Namespace, name: "policy-broken",
		labels: map[string]string{native + "record": "policy"}, data: map[string]string{"annotations": "{"},
	})
	s.start(c)
	t.Run("S5 a broken record gets an event, and is passed over", func(t *testing.T) {
		s := s.within(t)
		s.expectEvent(broken, "RecordUnreadable", "ignored")
		s.untouched(broken)
		s.delete(broken)
	})
	t.Run("R11 a stripped replica is removed on withdrawal", func(t *testing.T) {
		s := s.within(t)
		s.absent(secret, to, "stripped")
	})
	t.Run("R9 without a record, a marked replica stays", func(t *testing.T) {
		s := s.within(t)
		s.system.WaitGone(s, "secrets", to, "removed")
		s.untouched(replica)
	})
	t.Run("R6 a record goes with the last replica", func(t *testing.T) {
		s := s.within(t)
		recreated := pushed(secret, from, "again", to)
		recreated.annotations[native+"on-delete"] = "keep"
		recreated = s.create(recreated)
		last := s.replicated(recreated, to)
		count(s, 1)
		probe := s.create(pushed(secret, from, "probe", to))
		s.replicated(probe, to)
		s.delete(recreated)
		s.delete(probe)
		s.system.WaitGone(s, "secrets", to, "probe")
		s.untouched(last)
		count(s, 1)
		s.delete(last)
		count(s, 0)
	})
}
