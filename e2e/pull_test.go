package e2e

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// pullDialect is a way to say who may pull, and to pull.
type pullDialect struct {
	// permit are the annotations of a source that lets the namespaces pull whose name begins with the prefix.
	permit func(prefix string) map[string]string
	// permitLabel are those of one that lets the namespaces pull that have the label; nil where that can't be said.
	permitLabel func(key, value string) map[string]string
	// pull is the annotation of an object that pulls.
	pull string
}

var pullDialects = map[string]pullDialect{
	"native": {
		permit: func(prefix string) map[string]string { return map[string]string{native + "pull-by": prefix + "*"} },
		permitLabel: func(key, value string) map[string]string {
			return map[string]string{native + "pull-by-selector": key + "=" + value}
		},
		pull: native + "pull-from",
	},
	"Reflector": {
		permit: func(prefix string) map[string]string {
			return map[string]string{allowed: "true", allowedIn: prefix + ".*"}
		},
		permitLabel: func(key, value string) map[string]string {
			return map[string]string{allowed: "true", allowedWhere: key + "=" + value}
		},
		pull: reflector + "reflects",
	},
	"kubernetes-replicator": {
		permit: func(prefix string) map[string]string {
			return map[string]string{
				replicator + "replication-allowed": "true", replicator + "replication-allowed-namespaces": prefix + ".*",
			}
		},
		pull: replicator + "replicate-from",
	},
}

// forEachPull runs a test for each dialect, with a Secret.
func forEachPull(t *testing.T, test func(s *scene, d pullDialect)) {
	t.Parallel()
	for name, d := range pullDialects {
		t.Run(name, func(t *testing.T) { test(newScene(t), d) })
	}
}

// puller is an object that pulls from a source, and has no data.
func (d pullDialect) puller(source object, namespace, name string) object {
	return object{
		kind: source.kind, namespace: namespace, name: name, typ: source.typ,
		annotations: map[string]string{d.pull: source.namespace + "/" + source.name},
	}
}

// permitted creates a source that s.ns("to…") may pull.
func (d pullDialect) permitted(s *scene) object {
	s.Helper()
	return s.create(object{
		namespace: s.namespace("from"), name: "token", annotations: d.permit(s.ns("to")),
		data: map[string]string{"user": "ada", "token": "one"},
	})
}

// rotate changes the source's content.
func (s *scene) rotate(source object, value string) object {
	s.Helper()
	return s.edit(source, func(o *object) { o.data["token"] = value })
}

// TestPull: an object that pulls is filled, and follows its source.
func TestPull(t *testing.T) {
	t.Parallel()
	for name, d := range pullDialects {
		t.Run(name, func(t *testing.T) {
			forEachKind(t, func(s *scene, k kind) {
				from, to := s.namespace("from"), s.namespace("to")
				early := s.create(d.puller(object{kind: k, namespace: from, name: "token"}, to, "before-its-source"))
				source := s.create(object{
					kind: k, namespace: from, name: "token", annotations: d.permit(s.ns("to")),
					data: map[string]string{"token": "one"},
				})
				s.pulled(source, early)
				late := s.create(d.puller(source, s.namespace("to-later"), "after-its-source"))
				s.pulled(source, late)
				source = s.rotate(source, "two")
				s.pulled(source, early)
				s.pulled(source, late)
				s.unmoved(nil, from, to, late.namespace)
			})
		})
	}
}

// TestPullKeepsMetadata: an object that pulls keeps its type, name, labels and annotations.
func TestPullKeepsMetadata(t *testing.T) {
	forEachPull(t, func(s *scene, d pullDialect) {
		source := s.create(object{
			namespace: s.namespace("from"), name: "tls", typ: corev1.SecretTypeTLS, annotations: d.permit(s.ns("to")),
			data:   map[string]string{"tls.crt": "certificate", "tls.key": "key"},
			labels: map[string]string{"of-the-source": "yes"},
		})
		own := d.puller(source, s.namespace("to"), "of-another-name")
		own.labels = map[string]string{"app": "shop", "app.kubernetes.io/managed-by": "Helm"}
		own.annotations["example.com/note"] = "ours"
		own.data = map[string]string{"tls.crt": "", "tls.key": ""} // what the type asks for
		own = s.create(own)
		now := s.pulled(source, own)

		if now.uid != own.uid || now.typ != own.typ {
			s.Errorf("it was %s of type %s and is %s of type %s", own.uid, own.typ, now.uid, now.typ)
		}
		wantLabels := map[string]string{
			native + "replica": "pull", native + "source-namespace": source.namespace, native + "source-name": source.name,
		}
		maps.Copy(wantLabels, own.labels)
		if diff := cmp.Diff(wantLabels, now.labels); diff != "" {
			s.Errorf("labels (-want +got):\n%s", diff)
		}
		for key, value := range own.annotations {
			if now.annotations[key] != value {
				s.Errorf("its annotation %s was %q and is %q", key, value, now.annotations[key])
			}
		}
		s.absent(secret, own.namespace, source.name)
	})
}

// TestEditedPuller: an object that pulls is put back when it was edited by hand.
func TestEditedPuller(t *testing.T) {
	forEachPull(t, func(s *scene, d pullDialect) {
		source := d.permitted(s)
		puller := s.create(d.puller(source, s.namespace("to"), "token"))
		s.pulled(source, puller)
		for title, edit := range map[string]func(*object){
			"another value":       func(o *object) { o.data["token"] = "by hand" },
			"a key less":          func(o *object) { delete(o.data, "user") },
			"no source any more":  func(o *object) { delete(o.annotations, native+"replica-of") },
			"another source name": func(o *object) { o.labels[native+"source-name"] = "other" },
		} {
			edited := s.edit(puller, edit)
			if now := s.pulled(source, puller); now.uid != edited.uid || now.version == edited.version {
				s.Errorf("%s was not put back in place", title)
			}
		}
	})
}

// A puller that has stopped following keeps its data, and is not deleted.
func TestPullEnds(t *testing.T) {
	t.Parallel()
	stop := map[string]func(s *scene, d pullDialect, source, puller object){
		"when the source's annotations are removed": func(s *scene, d pullDialect, source, _ object) {
			for key := range d.permit("") {
				s.unannotate(source, key)
			}
		},
		"when the source does not permit its namespace any more": func(s *scene, d pullDialect, source, _ object) {
			s.edit(source, func(o *object) { maps.Copy(o.annotations, d.permit("elsewhere")) })
		},
		"when its namespace is excluded": func(s *scene, _ pullDialect, source, puller object) {
			s.annotate(source, native+"exclude", puller.namespace)
		},
		"when its own annotation is removed": func(s *scene, d pullDialect, _, puller object) {
			s.unannotate(puller, d.pull)
		},
		"when the source is frozen": func(s *scene, _ pullDialect, source, _ object) {
			s.annotate(source, native+"exclude", "not/a/pattern")
		},
	}
	for dialect, d := range pullDialects {
		for title, stop := range stop {
			t.Run(dialect+" "+title, func(t *testing.T) {
				s := newScene(t)
				source := d.permitted(s)
				puller := s.create(d.puller(source, s.namespace("to"), "token"))
				s.pulled(source, puller)
				stop(s, d, source, puller)
				s.system.CatchUp(s)
				before := s.get(secret, puller.namespace, puller.name)
				s.rotate(source, "two")
				s.untouched(before)
				if before.data["token"] != "one" {
					s.Errorf("its token is %q", before.data["token"])
				}
			})
		}
	}
}

// TestPullSourceDeleted: an object that pulls outlives its source.
func TestPullSourceDeleted(t *testing.T) {
	forEachPull(t, func(s *scene, d pullDialect) {
		source := d.permitted(s)
		puller := s.create(d.puller(source, s.namespace("to"), "token"))
		filled := s.pulled(source, puller)
		s.delete(source)
		s.expectEvent(puller, "NoSource", source.namespace+"/"+source.name) // after the grace
		s.untouched(filled)

		recreated := s.create(object{
			namespace: source.namespace, name: source.name, annotations: source.annotations,
			data: map[string]string{"token": "two"},
		})
		s.pulled(recreated, puller)
	})
}

// TestPullWithoutPermission: an object that pulls without permission gets a Warning and nothing else.
func TestPullWithoutPermission(t *testing.T) {
	forEachPull(t, func(s *scene, d pullDialect) {
		source := d.permitted(s)
		other := d.puller(source, s.namespace("other"), "token")
		other.data = map[string]string{"own": "data"}
		other = s.create(other)
		s.expectEvent(other, "NotPermitted", source.namespace+"/"+source.name)
		s.untouched(other)

		s.edit(source, func(o *object) { maps.Copy(o.annotations, d.permit(s.ns("other"))) })
		now := s.eventuallyHas(other, "token", "one")
		if _, own := now.data["own"]; own != (d.pull == replicator+"replicate-from") {
			s.Errorf("whether it has a key of its own is %t", own)
		}
	})
}

// eventuallyHas waits until a key of an object has a value, and returns the object.
func (s *scene) eventuallyHas(o object, key, value string) (now object) {
	s.Helper()
	s.eventually(func() (err error) {
		if now, err = s.find(o.kind, o.namespace, o.name); err != nil {
			return err
		}
		if now.data[key] != value {
			return fmt.Errorf("%s has not the value wanted under %s", o, key)
		}
		return nil
	})
	return now
}

// TestPullByNamespaceLabels: pulling can be permitted by the labels of the namespace.
func TestPullByNamespaceLabels(t *testing.T) {
	t.Parallel()
	for name, d := range pullDialects {
		if d.permitLabel == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			label := s.ns("may-pull")
			source := s.create(object{
				namespace: s.namespace("from"), name: "token", annotations: d.permitLabel(label, "yes"),
				data: map[string]string{"token": "one"},
			})
			first := s.create(d.puller(source, s.namespace("first", label, "yes"), "token"))
			second := s.create(d.puller(source, s.namespace("second"), "token"))
			filled := s.pulled(source, first)
			s.expectEvent(second, "NotPermitted")

			s.editNamespace(second.namespace, func(ns *corev1.Namespace) { ns.Labels[label] = "yes" })
			s.pulled(source, second)
			s.editNamespace(first.namespace, func(ns *corev1.Namespace) { delete(ns.Labels, label) })
			s.expectEvent(first, "NotPermitted")
			source = s.rotate(source, "two")
			s.pulled(source, second)
			s.untouched(filled)
		})
	}
}

// TestPullExcluded: exclude bars pulling, whatever permits it.
func TestPullExcluded(t *testing.T) {
	forEachPull(t, func(s *scene, d pullDialect) {
		source := object{
			namespace: s.namespace("from"), name: "token", annotations: d.permit(s.ns("to")),
			data: map[string]string{"token": "one"},
		}
		source.annotations[native+"exclude"] = s.ns("to-excluded")
		source = s.create(source)
		permitted := s.create(d.puller(source, s.namespace("to"), "token"))
		excluded := s.create(d.puller(source, s.namespace("to-excluded"), "token"))
		s.pulled(source, permitted)
		s.expectEvent(excluded, "NotPermitted")
		s.untouched(excluded)
	})
}

// TestPullOfAnotherType: an object that pulls from a source of another type gets a Warning and is not changed.
func TestPullOfAnotherType(t *testing.T) {
	forEachPull(t, func(s *scene, d pullDialect) {
		source := d.permitted(s)
		other := d.puller(source, s.namespace("to"), "never-filled")
		other.typ, other.data = corev1.SecretTypeBasicAuth, map[string]string{"username": "own"}
		other = s.create(other)
		s.expectEvent(other, "Mismatched", "type")

		filled := s.create(d.puller(source, s.namespace("to-too"), "filled"))
		followed := s.pulled(source, filled)
		s.delete(source)
		s.create(object{
			namespace: source.namespace, name: source.name, annotations: source.annotations,
			typ: corev1.SecretTypeBasicAuth, data: map[string]string{"username": "ada", "password": "two"},
		})
		s.expectEvent(filled, "Mismatched", "type")
		s.untouched(followed)
		s.eventuallyHas(other, "password", "two") // its type is the right one now
	})
}

// TestImmutablePuller: an immutable object that pulls gets a Warning and is not changed.
func TestImmutablePuller(t *testing.T) {
	forEachPull(t, func(s *scene, d pullDialect) {
		source := d.permitted(s)
		never := d.puller(source, s.namespace("to"), "immutable-from-the-start")
		never.immutable = true
		never = s.create(never)
		s.expectEvent(never, "Mismatched", "immutable")
		s.untouched(never)

		puller := s.create(d.puller(source, s.namespace("to-too"), "immutable-later"))
		s.pulled(source, puller)
		immutable := s.edit(puller, func(o *object) { o.immutable = true })
		s.rotate(source, "two")
		s.expectEvent(puller, "Mismatched", "immutable")
		s.untouched(immutable)
	})
}

// TestPullFromAnotherSource: an object that pulls can change its source and its dialect.
func TestPullFromAnotherSource(t *testing.T) {
	t.Parallel()
	for before, old := range pullDialects {
		for after, new := range pullDialects {
			t.Run("from "+before+" to "+after, func(t *testing.T) {
				s := newScene(t)
				first := old.permitted(s)
				second := s.create(object{
					namespace: s.namespace("second"), name: "other", annotations: new.permit(s.ns("to")),
					data: map[string]string{"token": "second"},
				})
				puller := s.create(old.puller(first, s.namespace("to"), "token"))
				s.pulled(first, puller)
				s.edit(puller, func(o *object) {
					delete(o.annotations, old.pull)
					o.annotations[new.pull] = second.namespace + "/" + second.name
				})
				// In kubernetes-replicator's dialect, what an object has when it begins to pull is its own.
				if old.pull == new.pull || new.pull != replicator+"replicate-from" {
					s.pulled(second, puller)
				}
				s.eventuallyHas(puller, "token", "second")
				s.unmoved(func() { s.rotate(first, "two") }, puller.namespace)
				s.rotate(second, "three")
				s.eventuallyHas(puller, "token", "three")
				s.expectNoWrites(puller.namespace)
			})
		}
	}
}

// TestPullKeys: a puller gets only the keys of the source that are named.
func TestPullKeys(t *testing.T) {
	forEachPull(t, func(s *scene, d pullDialect) {
		source := object{
			namespace: s.namespace("from"), name: "token", annotations: d.permit(s.ns("to")),
			data: map[string]string{"user": "ada", "token": "one", "unnamed": "stays"},
		}
		source.annotations[native+"keys"] = "user, token=password"
		source = s.create(source)
		puller := s.create(d.puller(source, s.namespace("to"), "token"))
		now := s.eventuallyHas(puller, "password", "one")
		if diff := cmp.Diff(map[string]string{"user": "ada", "password": "one"}, now.data); diff != "" {
			s.Errorf("data (-want +got):\n%s", diff)
		}
	})
}

// TestPullReflector: in reflector's dialect all may pull where there is no list, and none without consent.
func TestPullReflector(t *testing.T) {
	s := newScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	d := pullDialects["Reflector"]
	pullers := map[string]object{}
	sources := map[string]object{}
	for name, annotations := range map[string]map[string]string{
		"all":        {"reflection-allowed": "TRUE"},
		"empty-list": {"reflection-allowed": "true", "reflection-allowed-namespaces": ""},
		"look-ahead": {"reflection-allowed": "true", "reflection-allowed-namespaces": "^(?!kube-).*"},
		"denied":     {"reflection-allowed": "false", "reflection-allowed-namespaces": ".*"},
		"no-boolean": {"reflection-allowed": "yes"},
		"part":       {"reflection-allowed": "true", "reflection-allowed-namespaces": to[:len(to)-1]},
	} {
		source := object{
			namespace: from, name: name, annotations: map[string]string{}, data: map[string]string{"token": name},
		}
		for key, value := range annotations {
			source.annotations[reflector+key] = value
		}
		sources[name] = s.create(source)
		pullers[name] = s.create(d.puller(sources[name], to, name))
	}
	for _, name := range []string{"all", "empty-list", "look-ahead"} {
		s.pulled(sources[name], pullers[name])
	}
	for _, name := range []string{"denied", "no-boolean", "part"} {
		s.expectEvent(pullers[name], "NotPermitted")
		s.untouched(pullers[name])
	}
}

// TestPullReplicator: in kubernetes-replicator's dialect pulling needs permission, and the namespace in the list.
func TestPullReplicator(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		d := pullDialects["kubernetes-replicator"]
		create := func(name string, annotations map[string]string) (source, puller object) {
			source = object{
				kind: k, namespace: from, name: name, annotations: map[string]string{}, data: map[string]string{"token": name},
			}
			for key, value := range annotations {
				source.annotations[replicator+key] = value
			}
			source = s.create(source)
			return source, s.create(d.puller(source, to, name))
		}
		var denied []object
		for name, annotations := range map[string]map[string]string{
			"no-list":       {"replication-allowed": "true"},
			"empty-list":    {"replication-allowed": "true", "replication-allowed-namespaces": ""},
			"no-permission": {"replication-allowed-namespaces": ".*"},
			"denied":        {"replication-allowed": "false", "replication-allowed-namespaces": ".*"},
			"part":          {"replication-allowed": "true", "replication-allowed-namespaces": to[:len(to)-1]},
		} {
			_, puller := create(name, annotations)
			denied = append(denied, puller)
		}
		source, puller := create("both", map[string]string{
			"replication-allowed": "1", "replication-allowed-namespaces": "elsewhere, " + s.ns("t[o]"),
		})
		s.pulled(source, puller)
		for _, puller := range denied {
			s.expectEvent(puller, "NotPermitted")
			s.untouched(puller)
		}
	})
}

// TestPullReplicatorKeys: an object that pulls in kubernetes-replicator's dialect keeps the keys of its own.
func TestPullReplicatorKeys(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		d := pullDialects["kubernetes-replicator"]
		source := s.create(object{
			kind: k, namespace: s.namespace("from"), name: "token", annotations: d.permit(s.ns("to")),
			data: map[string]string{"user": "ada", "token": "one"},
		})
		puller := d.puller(source, s.namespace("to"), "token")
		puller.data = map[string]string{"own": "mine", "user": "mine as well"}
		puller = s.create(puller)
		has := func(want map[string]string) object {
			s.Helper()
			var now object
			s.eventually(func() (err error) {
				if now, err = s.find(k, puller.namespace, puller.name); err != nil {
					return err
				}
				if diff := cmp.Diff(want, now.data); diff != "" {
					return errors.New(diff)
				}
				return nil
			})
			return now
		}
		has(map[string]string{"own": "mine", "user": "ada", "token": "one"})

		s.edit(source, func(o *object) { o.data = map[string]string{"token": "two", "new": "key"} })
		has(map[string]string{"own": "mine", "token": "two", "new": "key"}) // the source's user is taken away

		s.edit(puller, func(o *object) { o.data["own"], o.data["more"] = "changed", "of mine" })
		s.unmoved(nil, puller.namespace) // its own keys are its owner's
		s.edit(puller, func(o *object) { delete(o.data, "token") })
		has(map[string]string{"own": "changed", "more": "of mine", "token": "two", "new": "key"})
	})
}
