package e2e

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestTenantBeforeRotation: a rotation loses no target to a tenant. A tenant pushes under the name of the platform's
// source everywhere, and waits for it to be rotated.
func TestTenantBeforeRotation(t *testing.T) {
	own := ownScene(t)
	own.system.Controller(own, "--source-delete-grace=1h")
	for _, immutable := range []bool{false, true} {
		for _, k := range []kind{secret, configMap} {
			t.Run(fmt.Sprintf("%s, immutable: %t", k, immutable), func(t *testing.T) {
				s := own.part(t)
				platform, hostile := s.namespace("platform"), s.namespace("hostile")
				source := pushed(k, platform, "token", s.ns("to-*"))
				source.immutable = immutable
				live := s.create(source)
				targets := []string{s.namespace("to-a"), s.namespace("to-b")}
				s.reaches(live, targets...)
				s.nextSecond()
				rival := pushed(k, hostile, "rival", s.ns("*"))
				rival.annotations[native+"target-name"] = "token"
				rival = s.tenant(hostile).create(rival)
				s.expectEvent(rival, "Conflict", targets[0]+"/token")
				for rotation := range 3 {
					s.delete(live)
					late := s.namespace(fmt.Sprint("to-late-", rotation))
					// In the new namespace the platform's own replica may stand already: the watch of deletions may be behind.
					s.absentIn([]string{platform}, k, "token")
					source.data = map[string]string{"token": fmt.Sprint("rotated ", rotation)}
					live = s.create(source)
					targets = append(targets, late)
					s.reaches(live, targets...)
				}
			})
		}
	}
}

// A replica that can't be changed in place is deleted and created again. Whoever waits for its name does not get it,
// not even an older source.
func TestImmutableReplicaOwner(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		platform, hostile, to := s.namespace("platform"), s.namespace("hostile"), s.namespace("to")
		name := s.token()
		rival := pushed(k, hostile, name, s.ns("to*"))
		rival.annotations[native+"exclude"] = to
		rival = s.tenant(hostile).create(rival)
		s.nextSecond()
		source := pushed(k, platform, name, to)
		source.immutable = true
		live := s.create(source)
		s.replicated(live, to)
		s.unannotate(rival, native+"exclude")
		s.expectEvent(rival, "Conflict", to+"/"+name)
		for rotation := range 5 {
			s.delete(live)
			source.data = map[string]string{"token": fmt.Sprint("rotated ", rotation)}
			live = s.create(source)
			s.replicated(live, to)
		}
	})
}

// TestPeerCopyOwner: copies of a peer go to the source that they record. A tenant who knows the content must not get
// the copies that kubernetes-replicator made of another's source.
func TestPeerCopyOwner(t *testing.T) {
	s := ownScene(t)
	platform, hostile := s.namespace("platform"), s.namespace("hostile")
	data := map[string]string{"token": "one"}
	rival := s.tenant(hostile).create(object{
		kind: secret, namespace: hostile, name: "token", data: data, annotations: annotated(native+"push-to", s.ns("to-*")),
	})
	s.nextSecond()
	source := s.create(object{
		kind: secret, namespace: platform, name: "token", data: data,
		annotations: annotated(replicator+"replicate-to", s.ns("to-[a-z]*"), replicator+"strip-labels", "true"),
	})
	copied := func(to, version string) object {
		return s.create(object{
			kind: secret, namespace: s.namespace(to), name: "token", data: data,
			annotations: annotated(replicator+"replicated-at", "2026-08-01T10:00:00Z",
				replicator+"replicated-from-version", version, replicator+"replicated-keys", "token"),
		})
	}
	recorded, unknown := copied("to-recorded", source.version), copied("to-unknown", "1")
	s.system.Controller(s)
	if replica := s.replicated(source, recorded.namespace); replica.uid != recorded.uid {
		t.Error("the copy was not adopted in place")
	}
	s.expectEvent(rival, "Occupied", unknown.namespace+"/token")
	s.untouched(unknown)
	// Once nobody else wants it, the content is enough.
	s.annotate(rival, native+"exclude", unknown.namespace)
	if replica := s.replicated(source, unknown.namespace); replica.uid != unknown.uid {
		t.Error("the copy was not adopted in place")
	}
}

func TestReservedNames(t *testing.T) {
	s := newScene(t)
	hostile := s.namespace("hostile")
	source := pushed(configMap, hostile, "ca", s.ns("to-*"))
	source.annotations[native+"target-name"] = "kube-root-ca.crt"
	source = s.tenant(hostile).create(source)
	for i := range 3 {
		to := s.namespace(fmt.Sprint("to-", i))
		s.expectEvent(source, "ReservedName", to+"/kube-root-ca.crt")
		if o, err := s.find(configMap, to, "kube-root-ca.crt"); err == nil && o.labels[native+"replica"] != "" {
			t.Errorf("%s is a replica", o)
		}
	}
}

// TestAnnotationsLost: annotations that all go in one update come back.
func TestAnnotationsLost(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := pushed(k, from, s.token(), to)
		source.annotations[native+"survives-recreation"] = "true"
		source = s.create(source)
		policy := source.annotations
		first := s.replicated(source, to)
		s.system.CatchUp(s) // the policy is remembered
		source = s.edit(source, func(o *object) { o.annotations, o.data = nil, map[string]string{"token": "two"} })
		s.neverAbsent(first, s.replicated(source, to))
		s.expectEvent(source, "Restored", native+"survives-recreation", "false")
		now := s.get(k, from, s.token())
		if !maps.Equal(now.annotations, policy) {
			t.Errorf("the source's annotations are %v, want %v", now.annotations, policy)
		}
		// The way to end it that the event names.
		s.annotate(now, native+"survives-recreation", "false")
		s.edit(now, func(o *object) { o.annotations = nil })
		s.gone(k, to, s.token())
	})
}

// keepWriting writes a Secret all the time, until the test has waited for something.
func (s *scene) keepWriting(o object, wait func()) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	var writers sync.WaitGroup
	for range 6 {
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				body := fmt.Appendf(nil, `{"metadata":{"labels":{"example.com/written":"%d"}}}`, n)
				_, err := s.system.Client.CoreV1().Secrets(o.namespace).
					Patch(ctx, o.name, types.MergePatchType, body, metav1.PatchOptions{})
				if err != nil && !apierrors.IsConflict(err) && ctx.Err() == nil {
					s.Error(err)
					return
				}
			}
		})
	}
	wait()
	cancel()
	writers.Wait()
}

// TestBusySource: a source that is written all the time is followed.
func TestBusySource(t *testing.T) {
	s := newScene(t)
	from, a, b := s.namespace("from"), s.namespace("to-a", "tier", "web"), s.namespace("to-b", "tier", "web")
	source := pushed(secret, from, s.token(), "nowhere")
	source.annotations = annotated(native+"push-to-selector", "tier=web", native+"exclude", "!"+s.ns("*")+",*")
	source = s.create(source)
	s.replicated(source, a)
	s.replicated(source, b)
	s.keepWriting(source, func() {
		s.editNamespace(a, func(ns *corev1.Namespace) { delete(ns.Labels, "tier") })
		s.gone(secret, a, source.name)
		s.replicated(source, s.namespace("to-c", "tier", "web"))
		s.annotate(source, native+"push-to-selector", "tier=db")
		s.gone(secret, b, source.name)
	})
}

// TestMassRemoval: a removal of many replicas that the source did not cause waits.
func TestMassRemoval(t *testing.T) {
	s := ownScene(t)
	c := s.system.Controller(s, "--source-delete-grace=5s")
	source := pushed(secret, s.namespace("from"), s.token(), s.ns("to-*"))
	source = s.create(source)
	var targets []string
	for i := range 24 {
		targets = append(targets, s.namespace(fmt.Sprint("to-", i)))
	}
	s.reaches(source, targets...)
	s.stop(c)
	c = s.system.Controller(s, "--source-delete-grace=1h", "--source-namespaces=a-typo")
	s.expectEvent(source, "Braked", "24 of 24 replicas")
	if err := s.hasReached(source, targets...); err != nil {
		t.Error(err)
	}
	s.stop(c)
	c = s.system.Controller(s, "--source-delete-grace=5s")
	s.unmoved(nil, targets...)
	s.stop(c)
	s.system.Controller(s, "--source-delete-grace=5s", "--source-namespaces=meant-so")
	for _, to := range targets {
		s.gone(secret, to, source.name)
	}
}

func TestPaused(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, a, b := s.namespace("from"), s.namespace("to-a"), s.namespace("to-b")
		source := s.create(pushed(k, from, s.token(), s.ns("to-*")))
		replica := s.replicated(source, a)
		s.replicated(source, b)

		source = s.annotate(source, native+"paused", "true")
		s.system.CatchUp(s)
		later := s.namespace("to-later")
		source = s.edit(source, func(o *object) { o.data["token"] = "two" })
		s.delete(s.get(k, b, s.token()))
		s.absentIn([]string{b, later}, k, s.token())
		s.untouched(replica)
		s.expectNoWarning(source)
		source = s.unannotate(source, native+"paused")
		s.reaches(source, a, b, later)

		s.editNamespace(a, func(ns *corev1.Namespace) { ns.Annotations = annotated(native+"paused", "true") })
		s.system.CatchUp(s)
		replica = s.get(k, a, s.token())
		source = s.edit(source, func(o *object) { o.data["token"] = "three" })
		s.replicated(source, b)
		s.untouched(replica)
		s.expectNoWarning(source)
		s.editNamespace(a, func(ns *corev1.Namespace) { ns.Annotations = annotated(native+"paused", "yes") })
		s.expectEvent(source, "NamespaceUnreadable", native+"paused")
		s.annotate(source, native+"exclude", a)
		s.untouched(replica)
		s.editNamespace(a, func(ns *corev1.Namespace) { delete(ns.Annotations, native+"paused") })
		s.gone(k, a, s.token())
	})
}
