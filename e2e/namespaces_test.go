package e2e

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// TestNewNamespaces: many namespaces that are created after the source all get their replica.
func TestNewNamespaces(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from := s.namespace("from")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": s.ns("team-*")},
		})
		mark := s.mark()
		var teams, creates []string
		for i := range 20 {
			team := s.namespace(fmt.Sprintf("team-%02d", i))
			teams, creates = append(teams, team), append(creates, "create "+k.resource()+" "+team+"/"+s.token())
		}
		s.reaches(source, teams...)
		if diff := cmp.Diff(creates, s.writes(mark, teams...)); diff != "" {
			t.Errorf("the controller's writes (-want +got):\n%s", diff)
		}
	})
}

// TestRelabeledNamespace: a namespace that comes to match gets a replica, and loses it when it no longer matches.
func TestRelabeledNamespace(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to, bystander := s.namespace("from"), s.namespace("to"), s.namespace("bystander", s.ns("tier"), "web")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to-selector": s.ns("tier") + "=web"},
		})
		kept := s.replicated(source, bystander)
		s.absent(k, to, s.token())
		label := func(value string) {
			s.editNamespace(to, func(n *corev1.Namespace) { n.Labels[s.ns("tier")] = value })
		}

		label("web")
		s.replicated(source, to)
		label("db")
		s.gone(k, to, s.token())
		label("web")
		s.replicated(source, to)
		s.editNamespace(to, func(n *corev1.Namespace) { delete(n.Labels, s.ns("tier")) })
		s.gone(k, to, s.token())
		s.untouched(kept)
	})
}

// TestUnrelatedNamespaceEdit: an edit of a namespace that no policy looks at causes no write.
func TestUnrelatedNamespaceEdit(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to", s.ns("tier"), "web")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to-selector": s.ns("tier") + "=web"},
		})
		s.replicated(source, to)
		mark := s.mark()
		s.unmoved(func() {
			s.editNamespace(to, func(n *corev1.Namespace) {
				n.Labels["example.com/unrelated"] = "yes"
				n.Annotations = map[string]string{"example.com/note": "nothing to do with it"}
			})
		}, from, to)
		if writes := s.writes(mark, from, to); len(writes) > 0 {
			t.Errorf("the controller wrote %q", writes)
		}
	})
}

// TestNewlyBarredNamespace: a namespace that is barred loses its replica.
func TestNewlyBarredNamespace(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, a, b := s.namespace("from"), s.namespace("to-a"), s.namespace("to-b")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": s.ns("to-*")},
		})
		s.reaches(source, a, b)

		source = s.annotate(source, native+"exclude", a)
		s.reaches(source, b)
		source = s.unannotate(source, native+"exclude")
		s.reaches(source, a, b)

		accept := func(from string) {
			s.editNamespace(b, func(n *corev1.Namespace) { n.Annotations = map[string]string{native + "accept-from": from} })
		}
		accept("somebody-else")
		s.reaches(source, a)
		accept(from)
		s.reaches(source, a, b)
		accept("")
		s.reaches(source, a)
		s.editNamespace(b, func(n *corev1.Namespace) { n.Annotations = nil })
		s.reaches(source, a, b)
	})
}

// TestRecreatedNamespace: a namespace that is deleted and created again gets its replica again.
func TestRecreatedNamespace(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": to},
		})
		first := s.replicated(source, to)
		s.system.DeleteNamespace(s, to)
		s.namespace("to")
		if recreated := s.replicated(source, to); recreated.uid == first.uid {
			t.Error("the replica outlived its namespace")
		}
	})
}

// TestTerminatingNamespace: nothing is written in a namespace that is terminating.
func TestTerminatingNamespace(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to, other := s.namespace("from"), s.namespace("to"), s.namespace("other")
		old := s.create(object{
			kind: k, namespace: from, name: "old", data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": to + "," + other},
		})
		s.replicated(old, to)
		s.replicated(old, other)
		hold := s.create(object{kind: configMap, namespace: to, name: "hold", finalizers: []string{"example.com/hold"}})

		mark := s.mark()
		if err := s.system.Client.CoreV1().Namespaces().Delete(s.Context(), to, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		// Kubernetes has taken all but what is held.
		harness.Eventually(s, s.system.WriteProgress, func() error {
			held, err := s.find(configMap, to, "hold")
			if err != nil {
				return err
			}
			if _, err := s.find(k, to, "old"); err == nil || held.version == hold.version {
				return fmt.Errorf("the namespace's content is not deleted yet")
			}
			return nil
		})
		old = s.edit(old, func(o *object) { o.data["token"] = "two" })
		young := s.create(object{
			kind: k, namespace: from, name: "new", data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": to + "," + other},
		})
		s.replicated(old, other)
		s.replicated(young, other)
		s.system.CatchUp(s)
		if writes := s.writes(mark, to); len(writes) > 0 {
			t.Errorf("the controller wrote %q", writes)
		}
		s.expectNoWarning(old, young)
	})
}

// TestNamespaceChurn: namespaces that come and go do not keep a source from the others. A namespace that is deleted
// with all that is in it, while the source changes: whatever the controller sees first.
func TestNamespaceChurn(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, steady := s.namespace("from"), s.namespace("team-steady")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "0"},
			annotations: map[string]string{native + "push-to": s.ns("team-*")},
		})
		for i := range 8 {
			team := s.namespace(fmt.Sprintf("team-%d", i))
			source = s.edit(source, func(o *object) { o.data["token"] = fmt.Sprint(i) })
			err := s.system.Client.CoreV1().Namespaces().Delete(s.Context(), team, metav1.DeleteOptions{})
			if err != nil {
				t.Fatal(err)
			}
		}
		s.replicated(source, steady)
		s.expectNoWarning(source)
	})
}
