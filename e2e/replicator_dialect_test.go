package e2e

import (
	"maps"
	"testing"
)

// replicate is a source in kubernetes-replicator's dialect, with annotations in pairs of key and value.
func replicate(k kind, namespace, name string, pairs ...string) object {
	o := object{
		kind: k, namespace: namespace, name: name, data: map[string]string{"token": "one"},
		annotations: map[string]string{},
	}
	for key, value := range annotated(pairs...) {
		o.annotations[replicator+key] = value
	}
	return o
}

// TestReplicatorPush: kubernetes-replicator's lists and selectors push.
func TestReplicatorPush(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		label := s.ns("tier")
		from := s.namespace("from", label, "web")
		dev, prod, web := s.namespace("dev"), s.namespace("prod"), s.namespace("web", label, "web")
		s.namespace("dev-2")
		s.namespace("other", label, "db")
		wants := map[string]struct {
			pairs []string
			want  []string
		}{
			"list":            {[]string{"replicate-to", " " + dev + " , " + s.ns("pr.d")}, []string{dev, prod}},
			"alternatives":    {[]string{"replicate-to", dev + "|" + prod}, []string{dev, prod}},
			"anchored":        {[]string{"replicate-to", "^" + dev + "$"}, []string{dev}},
			"all-but-its-own": {[]string{"replicate-to-matching", label + "=web"}, []string{web}},
			"either": {
				[]string{"replicate-to", dev, "replicate-to-matching", label}, []string{dev, web, s.ns("other")},
			},
			"empty-list": {[]string{"replicate-to", ""}, nil},
			"a-part":     {[]string{"replicate-to", dev[:len(dev)-1]}, nil},
		}
		sources := map[string]object{}
		for name, tc := range wants {
			sources[name] = s.create(replicate(k, from, name, tc.pairs...))
		}
		for name, tc := range wants {
			s.eventually(func() error { return s.hasReached(sources[name], tc.want...) })
		}
		s.system.CatchUp(s)
		for name, tc := range wants {
			if err := s.hasReached(sources[name], tc.want...); err != nil {
				s.Error(err)
			}
		}
		narrowed := s.create(replicate(k, from, "narrowed", "replicate-to", s.ns("(dev|prod)")))
		s.reaches(narrowed, dev, prod)
		narrowed = s.annotate(narrowed, replicator+"replicate-to", dev)
		s.reaches(narrowed, dev)
		s.reaches(s.unannotate(narrowed, replicator+"replicate-to"))
	})
}

// TestReplicatorLabels: a push in kubernetes-replicator's dialect copies labels unless strip-labels is set.
func TestReplicatorLabels(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		none := map[string]string{}
		source := replicate(k, from, "token", "replicate-to", to)
		source.labels = map[string]string{"team": "web", "argocd.argoproj.io/instance": "tracked"}
		source.annotations["example.com/note"] = "never carried over"
		source = s.create(source)
		replica := s.hasMetadata(s.replicated(source, to), map[string]string{"team": "web"}, none)

		s.edit(source, func(o *object) { o.labels = map[string]string{"tier": "front"} })
		s.hasMetadata(replica, map[string]string{"tier": "front"}, none)
		s.annotate(source, replicator+"strip-labels", "true")
		s.hasMetadata(replica, none, none)
		s.annotate(source, replicator+"strip-labels", "false")
		last := s.hasMetadata(replica, map[string]string{"tier": "front"}, none)
		s.neverAbsent(replica, last)
		s.annotate(source, replicator+"strip-labels", "perhaps")
		s.expectEvent(source, "Frozen", "strip-labels", "perhaps")
		s.untouched(last)
	})
}

// TestReplicatorOccupied: a push in kubernetes-replicator's dialect never overwrites an object that is not its own.
func TestReplicatorOccupied(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		stranger := s.create(object{
			kind: k, namespace: to, name: "token", data: map[string]string{"theirs": "own"}, labels: map[string]string{"a": "b"},
		})
		source := s.create(replicate(k, from, "token", "replicate-to", to))
		s.expectEvent(source, "Occupied", to+"/token")
		s.untouched(stranger)
		s.delete(source)
		s.untouched(stranger)
	})
}

// TestNativeSourceWins: native annotations win over another dialect's on the same source.
func TestNativeSourceWins(t *testing.T) {
	t.Parallel()
	for title, foreign := range map[string]func(s *scene) (prefix, pull string, pairs map[string]string){
		"Reflector": func(s *scene) (prefix, pull string, pairs map[string]string) {
			return reflector, "reflects", annotated(allowed, "true", allowedIn, s.ns("theirs"), auto, "true")
		},
		"kubernetes-replicator": func(s *scene) (prefix, pull string, pairs map[string]string) {
			return replicator, "replicate-from", annotated(replicator+"replicate-to", s.ns("theirs"),
				replicator+"replication-allowed", "true", replicator+"replication-allowed-namespaces", s.ns("theirs"))
		},
	} {
		t.Run(title, func(t *testing.T) {
			s := newScene(t)
			from, ours, theirs := s.namespace("from"), s.namespace("ours"), s.namespace("theirs")
			prefix, pull, pairs := foreign(s)
			source := pushed(secret, from, "token", ours)
			maps.Copy(source.annotations, pairs)
			source = s.create(source)
			puller := s.create(object{
				namespace: theirs, name: "pulling", annotations: map[string]string{prefix + pull: from + "/token"},
			})
			s.expectEvent(source, "Ignored", prefix, native+"push-to")
			s.expectEvent(puller, "NotPermitted")
			s.reaches(source, ours)
			s.untouched(puller)

			// Without the native key, the other dialect is followed.
			source = s.unannotate(source, native+"push-to")
			s.reaches(source, theirs)
			s.pulled(source, puller)
		})
	}
}

// TestNativePullWins: native pull-from wins over another dialect's on the same object.
func TestNativePullWins(t *testing.T) {
	t.Parallel()
	for _, foreign := range []string{reflector + "reflects", replicator + "replicate-from"} {
		t.Run(foreign, func(t *testing.T) {
			s := newScene(t)
			from, to := s.namespace("from"), s.namespace("to")
			source := func(name string) object {
				return s.create(object{
					namespace: from, name: name, data: map[string]string{"token": name},
					annotations: map[string]string{native + "pull-by": to},
				})
			}
			ours, theirs := source("ours"), source("theirs")
			puller := s.create(object{
				namespace: to, name: "pulling", data: map[string]string{"own": "replaced"},
				annotations: map[string]string{native + "pull-from": from + "/ours", foreign: from + "/theirs"},
			})
			s.pulled(ours, puller)
			s.expectEvent(puller, "Ignored", foreign, native+"pull-from")
			s.unmoved(func() { s.rotate(theirs, "two") }, to)
			s.unannotate(puller, native+"pull-from")
			s.eventuallyHas(puller, "token", "two")
		})
	}
}

// TestNativeOptions: native options work beside another dialect.
func TestNativeOptions(t *testing.T) {
	t.Parallel()
	for title, pairs := range map[string]func(patterns string) []string{
		"Reflector": func(patterns string) []string {
			return []string{allowed, "true", auto, "true", autoIn, patterns}
		},
		"kubernetes-replicator": func(patterns string) []string { return []string{replicator + "replicate-to", patterns} },
	} {
		t.Run(title, func(t *testing.T) {
			s := newScene(t)
			from, to := s.namespace("from"), s.namespace("to-a")
			s.namespace("to-b")
			source := s.create(object{
				namespace: from, name: "token", data: map[string]string{"token": "one", "other": "two"},
				annotations: annotated(append(pairs(s.ns("to-.*")), native+"exclude", s.ns("*-b"),
					native+"target-name", "renamed", native+"keys", "token=password")...),
			})
			s.has(secret, to, "renamed", map[string]string{"password": "one"})
			s.reaches(source, to)
			s.expectNoWarning(source)
		})
	}
}
