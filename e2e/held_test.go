package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestProtectedNamespace: a protected namespace is never written to.
func TestProtectedNamespace(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		protected := []string{"kube-system", "kube-public", "kube-node-lease"}
		from, to := s.namespace("from"), s.namespace("to")
		mark := s.mark()
		name := s.token()
		source := s.create(object{
			kind: k, namespace: from, name: name, data: map[string]string{"token": "one"},
			annotations: map[string]string{
				native + "push-to": to + ",kube-system,kube-public,kube-node-lease,mirrorball-system",
			},
		})
		s.replicated(source, to)
		s.absentIn(append(protected, "mirrorball-system"), k, name)
		// A forgery there is not even taken away.
		forgery := s.create(object{
			kind: k, namespace: "kube-public", name: s.ns("forgery"), data: map[string]string{"token": "one"},
		})
		source = s.annotate(source, native+"target-name", forgery.name)
		s.replicatedAs(source, to, forgery.name)
		s.untouched(forgery)
		s.delete(forgery)
		s.absent(k, "kube-public", forgery.name)
		if writes := s.writes(mark, protected...); len(writes) > 0 {
			t.Errorf("the controller wrote %q", writes)
		}
	})
}

// TestFrozenSourceHealed: a frozen source is held until its annotations are valid again.
func TestFrozenSourceHealed(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, a, b := s.namespace("from"), s.namespace("to-a"), s.namespace("to-b")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": s.ns("to-*")},
		})
		replica := s.replicated(source, a)
		s.replicated(source, b)

		source = s.annotate(source, native+"exclude", "to_b$")
		event := s.expectEvent(source, "Frozen", native+"exclude", "to_b$")
		if event.Type != corev1.EventTypeWarning {
			t.Errorf("the event is of type %s", event.Type)
		}
		mark := s.mark()
		// Nothing is created, changed or removed on its account.
		later := s.namespace("to-later")
		source = s.edit(source, func(o *object) { o.data["token"] = "two" })
		edited := s.edit(replica, func(o *object) { o.data["token"] = "mine" })
		s.delete(s.get(k, b, s.token()))
		source = s.annotate(source, native+"push-to", a+","+later)
		s.absentIn([]string{b, later}, k, s.token())
		s.untouched(edited)
		if writes := s.writes(mark, from, a, b, later); len(writes) > 0 {
			t.Errorf("the controller wrote %q", writes)
		}
		// Other sources go on.
		other := s.create(object{
			kind: k, namespace: from, name: "other", data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": s.ns("to-*")},
		})
		s.reaches(other, a, b, later)

		source = s.unannotate(source, native+"exclude")
		s.replicated(source, a)
		s.reaches(source, a, later)
	})
}

// TestFrozenSourceDeleted: the replicas of a frozen source that is deleted go as those of any other.
func TestFrozenSourceDeleted(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": to},
		})
		s.replicated(source, to)
		source = s.annotate(source, native+"push-to", "(")
		s.expectEvent(source, "Frozen", native+"push-to")
		s.delete(source)
		s.gone(k, to, s.token())
	})
}

func TestRefusedTypes(t *testing.T) {
	s := newScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	account := &corev1.ServiceAccount{}
	account.Name = "robot"
	created, err := s.system.Client.CoreV1().ServiceAccounts(from).Create(s.Context(), account, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, refused := range map[string]object{
		"robot-token": {
			typ:         corev1.SecretTypeServiceAccountToken,
			annotations: map[string]string{corev1.ServiceAccountNameKey: created.Name},
		},
		"bootstrap-token": {typ: corev1.SecretTypeBootstrapToken},
		"release":         {typ: "helm.sh/release.v1"},
	} {
		t.Run(name, func(t *testing.T) {
			source := refused
			source.kind, source.namespace, source.name = secret, from, name
			source.data = map[string]string{"token": "one"}
			if source.annotations == nil {
				source.annotations = map[string]string{}
			}
			source.annotations[native+"push-to"] = to
			source = s.create(source)
			event := s.expectEvent(source, "Refused", string(source.typ))
			if event.Type != corev1.EventTypeWarning {
				t.Errorf("the event is of type %s", event.Type)
			}
			s.absent(secret, to, name)
		})
	}
	healthy := s.create(object{
		kind: secret, namespace: from, name: "healthy", data: map[string]string{"token": "one"},
		annotations: map[string]string{native + "push-to": to},
	})
	s.replicated(healthy, to)
}

func TestReplicaAsSource(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to, beyond := s.namespace("from"), s.namespace("to"), s.namespace("beyond")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": to},
		})
		replica := s.annotate(s.replicated(source, to), native+"push-to", beyond)
		s.expectEvent(replica, "Refused", "replica")
		s.absent(k, beyond, s.token())
		// It goes on being a replica.
		source = s.edit(source, func(o *object) { o.data["token"] = "two" })
		s.replicated(source, to)
		s.absent(k, beyond, s.token())
	})
}
