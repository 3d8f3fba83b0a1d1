package e2e

import (
	"path/filepath"
	"testing"
)

// TestEtcdRestored restores a real etcd from a backup, under a controller that goes on.
func TestEtcdRestored(t *testing.T) {
	s := ownScene(t)
	from, a, b := s.namespace("from"), s.namespace("a"), s.namespace("b")
	source := s.create(pushed(secret, from, s.token(), s.ns("*")))
	kept := s.create(pushed(configMap, from, s.token(), s.ns("a")))
	theirs := s.create(object{kind: secret, namespace: b, name: s.token(), data: map[string]string{"token": "theirs"}})
	backup := filepath.Join(t.TempDir(), "backup")
	if err := s.system.Cluster.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}

	c := s.system.Controller(s)
	pid := c.PID()
	s.replicated(source, a)
	s.replicated(kept, a)
	lost := s.create(pushed(secret, from, "lost", s.ns("*")))
	s.replicated(lost, a)
	s.replicated(lost, b)
	s.replicated(s.edit(source, func(o *object) { o.data["token"] = "two" }), a)
	s.delete(kept) // its replica stays through the grace
	if err := s.system.Cluster.Restore(t.Context(), backup); err != nil {
		t.Fatal(err)
	}

	t.Run("replicas that are lost come back, as their sources are now", func(t *testing.T) {
		s := s.within(t)
		s.replicated(source, a)
		s.replicated(kept, a)
	})
	t.Run("what is written from now on is replicated", func(t *testing.T) {
		s := s.within(t)
		s.replicated(s.edit(source, func(o *object) { o.data["token"] = "three" }), a)
		s.reaches(source, a, s.namespace("c"))
		recreated := s.create(pushed(secret, from, "lost", b))
		s.reaches(recreated, b)
	})
	t.Run("what is others' is as it was", func(t *testing.T) { s.within(t).untouched(theirs) })
	t.Run("the process has gone on", func(t *testing.T) {
		select {
		case <-c.Done():
			t.Error("the controller has ended")
		default:
		}
		if got := c.PID(); got != pid {
			t.Errorf("the process is %d, and was %d", got, pid)
		}
	})
}
