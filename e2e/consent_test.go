package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// accept sets a namespace's accept-from.
func (s *scene) accept(namespace, patterns string) {
	s.Helper()
	s.editNamespace(namespace, func(n *corev1.Namespace) {
		n.Annotations = map[string]string{native + "accept-from": patterns}
	})
}

// TestAcceptFrom: a namespace says whose pushes it accepts.
func TestAcceptFrom(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, other := s.namespace("from"), s.namespace("other")
		all, none, some := s.namespace("to-all"), s.namespace("to-none"), s.namespace("to-some")
		s.accept(none, "")
		s.accept(some, "nobody, "+s.ns("f*")+", !"+s.ns("from-*"))
		source := s.create(pushed(k, from, "token", s.ns("to-*")))
		stranger := s.create(pushed(k, other, "another", s.ns("to-*")))
		s.reaches(source, all, some)
		s.reaches(stranger, all)

		// What is changed later holds for what is there already.
		s.accept(all, other)
		s.accept(none, "*")
		s.reaches(source, none, some)
		s.reaches(stranger, all, none)
		s.editNamespace(all, func(n *corev1.Namespace) { delete(n.Annotations, native+"accept-from") })
		s.accept(some, "*, !"+from)
		s.reaches(source, all, none)
		s.reaches(stranger, all, none, some)
		s.expectNoWarning(source, stranger)
	})
}

// TestUnreadableAcceptFrom: a namespace whose consent cannot be read is left as it is.
func TestUnreadableAcceptFrom(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to, later := s.namespace("from"), s.namespace("to-a"), s.namespace("to-b")
		s.accept(later, "not/a/pattern")
		source := s.create(pushed(k, from, "token", s.ns("to-*")))
		replica := s.replicated(source, to)
		s.expectEvent(source, "NamespaceUnreadable", later)
		s.absent(k, later, "token")
		s.accept(to, "(")
		s.system.CatchUp(s)
		s.rotate(source, "two")
		s.untouched(replica)
		s.accept(to, "*")
		s.accept(later, from)
		s.reaches(source, to, later)
	})
}

// TestPullNeedsNoAcceptance: pulling is no push, and needs no consent of the namespace.
func TestPullNeedsNoAcceptance(t *testing.T) {
	forEachPull(t, func(s *scene, d pullDialect) {
		to := s.namespace("to")
		s.accept(to, "")
		source := d.permitted(s)
		puller := s.create(d.puller(source, to, "token"))
		s.pulled(source, puller)
		s.accept(to, "not/a/pattern")
		s.pulled(s.rotate(source, "two"), puller)
	})
}

// TestOperatorFlags has one cluster, and a controller for each of its parts.
func TestOperatorFlags(t *testing.T) {
	if *policies != "" {
		t.Skip("the policies are those for the default of --protected-namespaces")
	}
	s := ownScene(t)
	t.Run("protected namespaces", func(t *testing.T) {
		for _, k := range []kind{secret, configMap} {
			t.Run(string(k), func(t *testing.T) { testProtectedNamespaces(s.part(t), k) })
		}
	})
	t.Run("source namespaces", func(t *testing.T) {
		for _, k := range []kind{secret, configMap} {
			t.Run(string(k), func(t *testing.T) { testSourceNamespaces(s.part(t), k) })
		}
	})
}

func testProtectedNamespaces(s *scene, k kind) {
	from, barred, to := s.namespace("from"), s.namespace("vault-barred"), s.namespace("to")
	source := pushed(k, from, "token", s.ns("*")+",kube-*,"+harness.Namespace)
	source.annotations[native+"pull-by"] = "*"
	source = s.create(source)
	puller := s.create(object{
		kind: k, namespace: barred, name: "pulling", annotations: map[string]string{native + "pull-from": from + "/token"},
	})
	open := s.system.Controller(s, "--protected-namespaces=kube-system")
	s.reaches(source, barred, to, "kube-public", "kube-node-lease") // what is given replaces the default
	s.pulled(source, puller)
	s.stop(open)

	closed := s.system.Controller(s, "--protected-namespaces=kube-*,"+s.ns("vault-*"), "--source-delete-grace=0s")
	s.eventually(func() error { return s.hasReached(source, to) })
	filled := s.get(k, barred, "pulling")
	s.edit(source, func(o *object) { o.data["token"] = "two" })
	s.untouched(filled)
	s.delete(source)
	s.gone(k, to, "token")
	s.stop(closed)
}

func testSourceNamespaces(s *scene, k kind) {
	platform, team, to := s.namespace("platform"), s.namespace("team"), s.namespace("to")
	outside := pushed(k, team, "outside", to)
	outside.annotations[native+"pull-by"] = to
	outside = s.create(outside)
	inside := s.create(pushed(k, platform, "inside", to))
	puller := s.create(object{
		kind: k, namespace: to, name: "pulling", annotations: map[string]string{native + "pull-from": team + "/outside"},
	})
	rival := s.create(pushed(k, team, "contested", to)) // the older one, and no source
	s.nextSecond()
	contested := s.create(pushed(k, platform, "contested", to))

	// The marker's namespaces have to be among them.
	c := s.system.Controller(s, "--source-namespaces="+platform+",marker-*")
	s.replicated(inside, to)
	s.replicated(contested, to)
	s.reaches(outside)
	s.expectEvent(puller, "NoSource", team+"/outside")
	s.untouched(puller)
	s.expectNoWarning(inside, contested, rival, outside)
	s.stop(c)

	c = s.system.Controller(s)
	s.reaches(outside, to)
	filled := s.pulled(outside, puller)
	s.stop(c)

	// An object that is no source any more loses its replicas, and pullers keep what they have.
	c = s.system.Controller(s, "--source-namespaces="+platform+",marker-*")
	s.reaches(outside)
	s.replicated(inside, to)
	s.untouched(filled)
	s.stop(c)
}
