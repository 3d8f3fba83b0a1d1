package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestASourceIsPushedIntoTheNamespacesThatMatch(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to, other := s.namespace("from"), s.namespace("to"), s.namespace("other")
		mark := s.mark()
		source := s.create(object{
			kind: k, namespace: from, name: "token", data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": s.ns("t*")},
		})
		s.replicated(source, to)
		s.absent(k, other, "token")
		later := s.namespace("team-made-later")
		s.replicated(source, later)
		s.unmoved(nil, from, to, later, other)

		want := []string{"create " + k.resource() + " " + later + "/token", "create " + k.resource() + " " + to + "/token"}
		if diff := cmp.Diff(want, s.writes(mark, from, to, later, other)); diff != "" {
			t.Errorf("the controller's writes (-want +got):\n%s", diff)
		}
	})
}
