package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// TestWarmStandby: a standby has its caches and writes nothing. When the leader was killed it goes on where that was.
func TestWarmStandby(t *testing.T) {
	s := ownScene(t)
	from, to, left, held := s.namespace("from"), s.namespace("to"), s.namespace("left"), s.namespace("held")
	namespaces := []string{from, to, left, held, harness.Namespace}
	first := s.elected()
	s.serves(first, "/metrics", "mirrorball_leading 1")
	leader := s.holder("")
	second := s.elected()
	s.serves(second, "/metrics", "mirrorball_leading 0")
	s.serves(second, "/readyz?verbose", "[+]caches ok")

	// The leader alone writes. Both have the same credentials, so that a write of the standby would be there twice.
	mark := s.mark()
	changing := s.create(pushed(secret, from, "changing", to))
	leaving := s.create(pushed(secret, from, "leaving", to+","+left))
	kept := pushed(configMap, from, "kept", held)
	kept.annotations[native+"survives-recreation"] = "true"
	kept = s.create(kept)
	changed, stays, leaves := s.replicated(changing, to), s.replicated(leaving, to), s.replicated(leaving, left)
	held1 := s.replicated(kept, held)
	s.system.CatchUp(s)
	want := []string{
		"create configmaps " + held + "/kept", "create secrets " + left + "/leaving", "create secrets " + to + "/changing",
		"create secrets " + to + "/leaving",
	}
	if diff := cmp.Diff(want, s.writes(mark, to, left, held)); diff != "" {
		t.Errorf("what was written (-want +got):\n%s", diff)
	}

	mark = s.mark()
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	changing = s.edit(changing, func(o *object) { o.data["token"] = "two" })
	s.edit(leaving, func(o *object) { o.annotations[native+"push-to"] = to })
	s.delete(kept) // the grace is an hour
	s.holder(leader)
	s.serves(second, "/metrics", "mirrorball_leading 1")
	if now := s.replicated(changing, to); now.uid != changed.uid {
		t.Errorf("%s was made again", now)
	}
	s.gone(secret, left, leaves.name)
	s.untouched(stays)
	s.untouched(held1)
	want = []string{"delete secrets " + left + "/leaving", "patch secrets " + to + "/changing"}
	if diff := cmp.Diff(want, s.writes(mark, namespaces...)); diff != "" {
		t.Errorf("what the successor wrote (-want +got):\n%s", diff)
	}
}
