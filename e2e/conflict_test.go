package e2e

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// nextSecond waits until what is created is younger than what was, by the API server's clock, which tells seconds.
func (s *scene) nextSecond() {
	s.Helper()
	first := s.createdNow()
	s.eventually(func() error {
		if now := s.createdNow(); !now.After(first.Time) {
			return errors.New("it is still the same second")
		}
		return nil
	})
}

func (s *scene) createdNow() metav1.Time {
	s.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.ns("what-time-is-it")}}
	options := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	created, err := s.system.Client.CoreV1().Namespaces().Create(s.Context(), namespace, options)
	if err != nil {
		s.Fatal(err)
	}
	return created.CreationTimestamp
}

// TestConflict: of two sources for one target, the older gets it, and the other when the older goes.
func TestConflict(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		younger, older, to := s.namespace("from-a"), s.namespace("from-b"), s.ns("to")
		first := s.create(pushed(k, older, "token", to))
		s.nextSecond()
		second := pushed(k, younger, "other", to)
		second.annotations[native+"target-name"] = "token"
		second = s.create(second)
		s.system.CatchUp(s)
		s.namespace("to") // free for both at the same time
		winner := s.replicated(first, to)
		s.expectEvent(second, "Conflict", to+"/token", older+"/token")
		s.untouched(winner)
		s.unmoved(func() { s.rotate(second, "two") }, to)

		s.delete(first)
		s.replicatedAs(s.get(k, second.namespace, second.name), to, "token") // after the grace
	})
}

// TestConflictLoser: the loser of a target gets it when the winner's policy no longer names it.
func TestConflictLoser(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		a, b, to := s.namespace("from-a"), s.namespace("from-b"), s.namespace("to")
		winner := s.create(pushed(k, b, "token", to))
		replica := s.replicated(winner, to)
		s.nextSecond()
		loser := s.create(pushed(k, a, "token", to))
		s.expectEvent(loser, "Conflict", to+"/token")
		// A replica that is deleted by hand is its source's again, the older one's.
		s.delete(replica)
		replica = s.replicated(winner, to)
		s.untouched(replica)
		for _, withdraw := range []func(){
			func() { winner = s.annotate(winner, native+"exclude", to) },
			func() { winner = s.annotate(winner, native+"target-name", "renamed") },
		} {
			withdraw()
			s.replicated(loser, to)
			loser = s.annotate(loser, native+"exclude", to)
			winner = s.unannotate(winner, native+"exclude", native+"target-name")
			s.replicated(winner, to)
			loser = s.unannotate(loser, native+"exclude")
			s.unmoved(nil, to)
		}
	})
}

// TestConflictAfterRestart: a conflict has the same winner after a restart.
func TestConflictAfterRestart(t *testing.T) {
	s := ownScene(t)
	c := s.system.Controller(s)
	a, b := s.namespace("from-a"), s.namespace("from-b")
	older := s.create(pushed(secret, b, "token", s.ns("to-*")))
	s.nextSecond()
	owned := s.namespace("to-owned")
	s.replicated(older, owned)
	younger := s.create(pushed(secret, a, "token", s.ns("to-*")))
	s.expectEvent(younger, "Conflict")
	kept := s.namespace("to-kept")
	s.replicated(older, kept)
	for range 3 {
		s.unmoved(func() { s.stop(c); s.start(c) }, owned, kept)
	}
	// Where the younger one owns a target, it keeps that, too.
	older = s.annotate(older, native+"exclude", owned)
	replica := s.replicated(younger, owned)
	s.unannotate(older, native+"exclude")
	s.stop(c)
	s.start(c)
	s.untouched(replica)
	s.stop(c)
	s.delete(replica)
	s.start(c)
	s.replicated(older, owned) // it is free now
}
