package e2e

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// has waits until an object has exactly this data, and returns it.
func (s *scene) has(k kind, namespace, name string, data map[string]string) (now object) {
	s.Helper()
	s.eventually(func() (err error) {
		if now, err = s.find(k, namespace, name); err != nil {
			return err
		}
		if diff := cmp.Diff(data, now.data); diff != "" {
			return fmt.Errorf("the data of %s (-want +got):\n%s", now, diff)
		}
		return nil
	})
	return now
}

// TestReplicaKeys: a replica has only the keys that are named, under the names that are given.
func TestReplicaKeys(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := object{
			kind: k, namespace: from, name: "token", data: map[string]string{"a": "1", "b": "2", "c": "3"},
			annotations: map[string]string{native + "push-to": to, native + "keys": " a , b=renamed "},
		}
		source = s.create(source)
		first := s.has(k, to, "token", map[string]string{"a": "1", "renamed": "2"})
		s.annotate(source, native+"keys", "c=a")
		second := s.has(k, to, "token", map[string]string{"a": "3"})
		s.neverAbsent(first, second)
		s.unmoved(func() { s.edit(source, func(o *object) { o.data["b"] = "not named" }) }, to)

		s.annotate(source, native+"keys", "a, missing")
		s.expectEvent(source, "Frozen", native+"keys", "missing")
		s.untouched(second)
		s.edit(source, func(o *object) { o.data["missing"] = "4" })
		s.has(k, to, "token", map[string]string{"a": "1", "missing": "4"})
		s.unannotate(source, native+"keys")
		s.has(k, to, "token", map[string]string{"a": "1", "b": "not named", "c": "3", "missing": "4"})
	})
}

// TestBinaryKeys: a key of a ConfigMap's binary data can be named and renamed.
func TestBinaryKeys(t *testing.T) {
	s := newScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	source := object{
		kind: configMap, namespace: from, name: "bundle",
		data: map[string]string{"text": "1", "left": "out"}, binary: map[string][]byte{"blob": {0xff, 0}, "left.bin": {0xfe}},
		annotations: map[string]string{native + "push-to": to, native + "keys": "text,blob=store"},
	}
	s.create(source)
	replica := s.has(configMap, to, "bundle", map[string]string{"text": "1"})
	if diff := cmp.Diff(map[string][]byte{"store": {0xff, 0}}, replica.binary); diff != "" {
		t.Errorf("binary data (-want +got):\n%s", diff)
	}
}

// expectNoWrites asserts that, after all that was done before has had its effect, nothing is even asked for in a
// namespace: a write that changes nothing does not show in the objects' versions.
func (s *scene) expectNoWrites(namespace string) {
	s.Helper()
	s.system.CatchUp(s)
	mark := s.mark()
	s.system.CatchUp(s)
	if writes := s.writes(mark, namespace); len(writes) > 0 {
		s.Errorf("the controller goes on writing: %q", writes)
	}
}

// hasMetadata waits until an object has exactly these labels and annotations besides Mirrorball's own.
func (s *scene) hasMetadata(o object, labels, annotations map[string]string) (now object) {
	s.Helper()
	foreign := func(m map[string]string) map[string]string {
		m = maps.Clone(m)
		maps.DeleteFunc(m, func(key, value string) bool {
			return len(key) > len(native) && key[:len(native)] == native || value == "mirrorball"
		})
		return m
	}
	s.eventually(func() (err error) {
		if now, err = s.find(o.kind, o.namespace, o.name); err != nil {
			return err
		}
		var errs []error
		if diff := cmp.Diff(labels, foreign(now.labels)); diff != "" {
			errs = append(errs, fmt.Errorf("labels (-want +got):\n%s", diff))
		}
		if diff := cmp.Diff(annotations, foreign(now.annotations)); diff != "" {
			errs = append(errs, fmt.Errorf("annotations (-want +got):\n%s", diff))
		}
		return errors.Join(errs...)
	})
	return now
}

// TestCopiedMetadata: labels and annotations are copied only where they are named.
func TestCopiedMetadata(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		none := map[string]string{}
		source := pushed(k, from, "token", to)
		source.labels = map[string]string{
			"team": "web", "tier": "front", "app.kubernetes.io/name": "shop",
			"app.kubernetes.io/instance": "tracked", "argocd.argoproj.io/instance": "tracked",
			"kustomize.toolkit.fluxcd.io/name": "tracked", "helm.sh/chart": "tracked",
		}
		maps.Copy(source.annotations, map[string]string{
			"example.com/note": "one", "example.com/other": "two", "kubectl.kubernetes.io/last-applied-configuration": "{}",
			"meta.helm.sh/release-name": "tracked",
		})
		source = s.create(source)
		replica := s.hasMetadata(s.replicated(source, to), none, none)

		source = s.edit(source, func(o *object) {
			o.annotations[native+"copy-labels"] = "*, !tier"
			o.annotations[native+"copy-annotations"] = "example.com/*, kubectl.kubernetes.io/*, meta.helm.sh/*"
		})
		s.hasMetadata(replica, map[string]string{"team": "web", "app.kubernetes.io/name": "shop"},
			map[string]string{"example.com/note": "one", "example.com/other": "two"})

		// A tool's own keys, only where named in full; and what the source drops is taken away, but nobody else's.
		s.edit(replica, func(o *object) { o.labels["theirs"], o.annotations["example.com/theirs"] = "kept", "kept" })
		source = s.edit(source, func(o *object) {
			delete(o.labels, "team")
			o.labels["app.kubernetes.io/name"] = "renamed"
			delete(o.annotations, "example.com/other")
			o.annotations[native+"copy-labels"] = "team, app.kubernetes.io/name, app.kubernetes.io/instance"
			o.annotations[native+"copy-annotations"] = "example.com/*, meta.helm.sh/release-name"
		})
		s.hasMetadata(replica,
			map[string]string{"app.kubernetes.io/name": "renamed", "app.kubernetes.io/instance": "tracked", "theirs": "kept"},
			map[string]string{
				"example.com/note": "one", "meta.helm.sh/release-name": "tracked", "example.com/theirs": "kept",
			})

		s.unannotate(source, native+"copy-labels", native+"copy-annotations")
		last := s.hasMetadata(replica, map[string]string{"theirs": "kept"}, map[string]string{"example.com/theirs": "kept"})
		s.expectNoWrites(to)
		s.neverAbsent(replica, last)
	})
}

// TestCopiedMarks: no copied label or annotation replaces one of Mirrorball's own.
func TestCopiedMarks(t *testing.T) {
	s := newScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	source := pushed(secret, from, "token", to)
	source.labels = map[string]string{"app.kubernetes.io/managed-by": "Helm", native + "source-name": "forged"}
	source.annotations[native+"copy-labels"] = "*, app.kubernetes.io/managed-by, " + native + "source-name"
	source.annotations[native+"copy-annotations"] = "*, " + native + "push-to"
	source = s.create(source)
	replica := s.replicated(source, to)
	if _, copied := replica.annotations[native+"push-to"]; copied {
		t.Error("the replica has the source's policy")
	}
	s.untouched(replica)
}

// TestKeptReplicas: replicas that were kept follow their source when it is back, and go with its annotation.
func TestKeptReplicas(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := pushed(k, from, "token", to)
		source.annotations[native+"on-delete"] = "keep"
		source = s.create(source)
		kept := s.replicated(source, to)
		marker := s.create(pushed(k, from, "marker", to))
		s.replicated(marker, to)
		s.delete(source)
		s.delete(marker)
		s.gone(k, to, "marker") // so the grace is over for both
		s.untouched(kept)

		back := pushed(k, from, "token", to)
		back.annotations[native+"on-delete"] = "keep"
		back.data = map[string]string{"token": "two"}
		source = s.create(back)
		s.neverAbsent(kept, s.replicated(source, to))
		s.unannotate(source, native+"push-to")
		s.gone(k, to, "token")
	})
}
