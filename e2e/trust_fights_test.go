package e2e

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// asScene is a scene in which the tenant does what the administrator does in others: it can't look into other
// namespaces.
func (t *tenant) asScene() *scene {
	return &scene{TB: t.TB, system: &harness.System{Client: t.client}, prefix: t.prefix}
}

// mostUndone is how often a tenant may undo a write before Mirrorball says so and backs off: the first write, five that
// are repeated at once, and the one after which it does.
const mostUndone = 8

// fight undoes a write whenever it is there, until an event on the source says that somebody does.
func (s *scene) fight(source object, isThere func() (bool, error), undo func()) {
	s.Helper()
	for undone := 0; ; undone++ {
		reported := false
		s.eventually(func() error {
			events, err := s.events(source, "Contended")
			if reported = len(events) > 0; err != nil || reported {
				return err
			}
			there, err := isThere()
			if err == nil && !there {
				err = fmt.Errorf("what was undone %d times is not there again, and no event says so", undone)
			}
			return err
		})
		if reported {
			return
		}
		if undone > mostUndone {
			s.Fatalf("a write was undone and repeated %d times, and no event says so", undone)
		}
		undo()
	}
}

// TestTrustR8Fight: a fight over a replica gets an event, and is repeated with backoff.
func TestTrustR8Fight(t *testing.T) {
	t.Run("a replica is deleted", func(t *testing.T) {
		forEachKind(t, func(s *scene, k kind) {
			from, to, other := s.namespace("from"), s.namespace("to-fought"), s.namespace("to-other")
			mine := s.tenant(to).asScene()
			source := s.create(pushed(k, from, "token", s.ns("to-*")))
			s.replicated(source, to)
			s.replicated(source, other)
			s.fight(source, func() (bool, error) {
				_, err := mine.find(k, to, "token")
				return err == nil, nil
			}, func() { mine.delete(object{kind: k, namespace: to, name: "token"}) })
			s.expectEvent(source, "Contended", to+"/token")

			// The others do not wait, and nothing that is withdrawn does.
			source = s.edit(source, func(o *object) { o.data["token"] = "two" })
			s.replicated(source, other)
			s.edit(source, func(o *object) { o.annotations[native+"push-to"] = "none" })
			s.absentIn([]string{to, other}, k, "token")
		})
	})
	t.Run("an object that pulls is emptied", func(t *testing.T) {
		forEachKind(t, func(s *scene, k kind) {
			from, to := s.namespace("from"), s.namespace("to")
			mine := s.tenant(to).asScene()
			source := s.create(object{
				kind: k, namespace: from, name: "token", data: map[string]string{"token": "one"},
				annotations: map[string]string{native + "pull-by": to},
			})
			puller := mine.create(object{
				kind: k, namespace: to, name: "token", annotations: map[string]string{native + "pull-from": from + "/token"},
			})
			s.fight(source, func() (bool, error) {
				now, err := mine.find(k, to, "token")
				return now.data["token"] == "one", err
			}, func() { mine.edit(puller, func(o *object) { o.data = nil }) })
			s.expectEvent(source, "Contended", to+"/token")
		})
	})
	t.Run("a pull secret is taken off a ServiceAccount", func(t *testing.T) {
		s := newScene(t)
		from, to := s.namespace("from"), s.namespace("to")
		s.editNamespace(to, func(n *corev1.Namespace) {
			n.Annotations = map[string]string{native + "accept-attach-from": from}
		})
		tenant := s.tenant(to)
		source := s.create(object{
			namespace: from, name: s.token(), typ: corev1.SecretTypeDockerConfigJson,
			data: map[string]string{corev1.DockerConfigJsonKey: `{"auths":{}}`},
			annotations: map[string]string{
				native + "push-to": to, native + "attach-to-service-accounts": "tenant",
			},
		})
		accounts := tenant.client.CoreV1().ServiceAccounts(to)
		entry := corev1.LocalObjectReference{Name: s.token()}
		s.fight(source, func() (bool, error) {
			sa, err := accounts.Get(s.Context(), "tenant", metav1.GetOptions{})
			return err == nil && slices.Contains(sa.ImagePullSecrets, entry), err
		}, func() {
			s.must(func() error {
				sa, err := accounts.Get(s.Context(), "tenant", metav1.GetOptions{})
				if err != nil {
					return err
				}
				sa.ImagePullSecrets = nil
				_, err = accounts.Update(s.Context(), sa, metav1.UpdateOptions{})
				return err
			})
		})
		s.expectEvent(source, "Contended", to+"/tenant")
	})
}
