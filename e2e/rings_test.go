package e2e

import (
	"strings"
	"testing"
)

// TestPullFromNowhere: an object that pulls from a source that does not exist keeps its data.
func TestPullFromNowhere(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		s.create(object{kind: k, namespace: from, name: "plain", data: map[string]string{"token": "theirs"}})
		pulls := map[string]object{}
		for name, source := range map[string]string{
			"no-namespace": s.ns("nowhere") + "/token", "no-object": from + "/token", "no-source": from + "/plain",
		} {
			pulls[name] = s.create(object{
				kind: k, namespace: to, name: name, data: map[string]string{"token": "mine"},
				annotations: annotated(native+"pull-from", source),
			})
			s.expectEvent(pulls[name], "NoSource", source, "stays as it is")
		}
		for name, source := range map[string]string{
			"itself": to + "/itself", "no-name": from, "empty": "", "capitals": from + "/Token", "path": from + "/a/b",
		} {
			pulls[name] = s.create(object{
				kind: k, namespace: to, name: name, data: map[string]string{"token": "mine"},
				annotations: annotated(native+"pull-from", source),
			})
			s.expectEvent(pulls[name], "Frozen", native+"pull-from", source)
		}
		for _, puller := range pulls {
			s.untouched(puller)
		}
		source := s.create(object{
			kind: k, namespace: from, name: "token", data: map[string]string{"token": "one"},
			annotations: annotated(native+"pull-by", to),
		})
		s.pulled(source, pulls["no-object"])
		s.pulled(source, s.annotate(pulls["itself"], native+"pull-from", from+"/token"))
	})
}

// TestPullRing: objects that pull in a ring keep their data.
func TestPullRing(t *testing.T) {
	for name, length := range map[string]int{"two": 2, "three": 3} {
		t.Run(name, func(t *testing.T) {
			forEachKind(t, func(s *scene, k kind) {
				namespace := s.namespace("ring")
				name := func(i int) string { return strings.Repeat("x", i%length+1) }
				var ring []object
				for i := range length {
					ring = append(ring, s.create(object{
						kind: k, namespace: namespace, name: name(i), data: map[string]string{"token": name(i)},
						annotations: annotated(native+"pull-from", namespace+"/"+name(i+1), native+"pull-by", "*"),
					}))
				}
				for i, puller := range ring {
					s.expectEvent(puller, "NoSource", namespace+"/"+name(i+1))
					s.expectEvent(puller, "Ignored", native+"pull-by", "a replica is not mirrored on")
				}
				for _, puller := range ring {
					s.untouched(puller)
				}
				// One that stops pulling is a source, and the others follow it as far as no replica is mirrored on.
				source := s.unannotate(ring[0], native+"pull-from")
				s.pulled(source, ring[length-1])
				for _, puller := range ring[1 : length-1] {
					s.untouched(puller)
				}
			})
		})
	}
}

// TestPushPullRing: a ring through push and pull ends at the first replica.
func TestPushPullRing(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		a, b := s.namespace("a"), s.namespace("b")
		source := s.create(object{
			kind: k, namespace: a, name: "token", data: map[string]string{"token": "one"},
			annotations: annotated(native+"push-to", b),
		})
		replica := s.replicated(source, b)
		// The replica pulls from its own source and pushes back; the source pulls from its replica.
		s.edit(replica, func(o *object) {
			o.annotations[native+"push-to"] = a
			o.annotations[native+"pull-by"] = a
		})
		s.expectEvent(replica, "Refused", "cannot be a source")
		s.reaches(source, b)
		pulls := s.annotate(source, native+"pull-from", b+"/token")
		s.expectEvent(pulls, "Ignored", native+"push-to", "a replica is not mirrored on")
		s.gone(k, b, "token") // what pulls is no source any more
		s.untouched(pulls)
		healed := s.unannotate(pulls, native+"pull-from")
		s.replicated(healed, b)
		s.reaches(healed, b)
	})
}
