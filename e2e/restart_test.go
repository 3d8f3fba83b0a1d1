package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// stop ends a controller by SIGTERM, and that it ends well is part of the test.
func (s *scene) stop(c *harness.Controller) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), harness.StopLimit)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) start(c *harness.Controller) {
	s.Helper()
	if err := c.Start(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// TestRestarts has one cluster, and a controller for each of its parts.
func TestRestarts(t *testing.T) {
	s := ownScene(t)
	t.Run("with everything in sync nothing is written", func(t *testing.T) { testRestartInSync(s.part(t)) })
	t.Run("what happened while no controller ran is put right", func(t *testing.T) { testAbsences(t, s.system) })
	t.Run("the grace begins anew", func(t *testing.T) { testGraceBeginsAnew(s.part(t), s.part(t)) })
	t.Run("amid a fan-out the process ends in order, and the next one goes on", func(t *testing.T) {
		testRestartAmidAFanOut(s.part(t))
	})
	t.Run("of the API server: the controller goes on and writes nothing", func(t *testing.T) {
		testRestartOfTheAPIServer(s.part(t))
	})
}

func testRestartInSync(s *scene) {
	c := s.system.Controller(s)
	from, a, b, pulling := s.namespace("from"), s.namespace("to-a"), s.namespace("to-b"), s.namespace("pulling")
	namespaces := []string{from, a, b, pulling, harness.Namespace}
	for _, k := range []kind{secret, configMap} {
		plain := pushed(k, from, "plain", s.ns("to-*"))
		plain.annotations[native+"pull-by"] = pulling
		plain = s.create(plain)
		rich := pushed(k, from, "rich", s.ns("to-*"))
		rich.immutable = true
		rich.labels = map[string]string{"app": "shop", "other": "x"}
		for key, value := range map[string]string{
			"target-name": "renamed", "keys": "token=secret", "copy-labels": "app", "copy-annotations": "example.com/*",
			"on-delete": "keep", "survives-recreation": "true",
		} {
			rich.annotations[native+key] = value
		}
		rich.annotations["example.com/note"] = "carried over"
		rich = s.create(rich)
		frozen := s.create(pushed(k, from, "frozen", "("))
		s.create(object{kind: k, namespace: a, name: "taken", data: map[string]string{"token": "theirs"}})
		occupied := s.create(pushed(k, from, "taken", s.ns("to-*")))
		reflected := s.create(object{
			kind: k, namespace: from, name: "reflected", data: map[string]string{"token": "one"},
			annotations: map[string]string{
				reflector + "reflection-allowed": "true", reflector + "reflection-auto-enabled": "true",
				reflector + "reflection-allowed-namespaces": s.ns("to-.*"),
			},
		})
		mine := s.create(object{
			kind: k, namespace: pulling, name: "mine",
			annotations: map[string]string{native + "pull-from": from + "/plain"},
		})
		s.reaches(plain, a, b)
		s.reaches(rich, a, b)
		s.reaches(reflected, a, b)
		s.reaches(occupied, b)
		s.expectEvent(frozen, "Frozen")
		s.pulled(plain, mine)
	}
	gone := s.create(pushed(secret, from, "gone", a))
	s.replicated(gone, a)
	s.delete(gone)
	s.system.CatchUp(s)

	for how, end := range map[string]func(){
		"asked to end": func() { s.stop(c) },
		"killed": func() {
			if err := c.Kill(); err != nil {
				s.Fatal(err)
			}
		},
	} {
		mark := s.mark()
		s.unmoved(func() {
			end()
			s.start(c)
		}, namespaces...)
		if writes := s.writes(mark, namespaces...); len(writes) > 0 {
			s.Errorf("%s and started again, the controller wrote %q", how, writes)
		}
	}
}

// absence is something that happens while no controller runs: what is before, what happens, and what comes of it once
// there is a controller again.
type absence struct{ before, meanwhile, after func() }

func testAbsences(t *testing.T, system *harness.System) {
	s := &scene{TB: t, system: system}
	c := system.Controller(s, "--source-delete-grace=1h")
	type part struct {
		name  string
		scene *scene
		absence
	}
	var parts []part
	for _, k := range []kind{secret, configMap} {
		for name, describe := range absences {
			part := part{name: string(k) + ": " + name, scene: &scene{system: system, prefix: harness.Prefix(t)}}
			part.absence = describe(part.scene, k)
			parts = append(parts, part)
		}
	}
	during := func(phase string, act func(absence) func()) {
		t.Run(phase, func(t *testing.T) {
			for _, part := range parts {
				t.Run(part.name, func(t *testing.T) {
					part.scene.TB = t
					act(part.absence)()
				})
			}
		})
	}
	during("before", func(a absence) func() { return a.before })
	s.stop(c)
	during("meanwhile", func(a absence) func() { return a.meanwhile })
	s.start(c)
	during("after", func(a absence) func() { return a.after })
}

// absences are for a scene of their own each, which is filled in for each phase.
var absences = map[string]func(s *scene, k kind) absence{
	"a source is created": func(s *scene, k kind) absence {
		var source object
		return absence{
			before:    func() { s.namespace("from"); s.namespace("to") },
			meanwhile: func() { source = s.create(pushed(k, s.ns("from"), s.token(), s.ns("to"))) },
			after:     func() { s.replicated(source, s.ns("to")) },
		}
	},
	"a source's data changes": func(s *scene, k kind) absence {
		var source object
		return absence{
			before:    func() { source = s.mirrored(k, "to") },
			meanwhile: func() { source = s.edit(source, func(o *object) { o.data["token"] = "two" }) },
			after:     func() { s.replicated(source, s.ns("to")) },
		}
	},
	"a source's policy changes": func(s *scene, k kind) absence {
		var source object
		return absence{
			before:    func() { source = s.mirrored(k, "a", "b"); s.namespace("c") },
			meanwhile: func() { source = s.annotate(source, native+"push-to", s.ns("b")+","+s.ns("c")) },
			after:     func() { s.reaches(source, s.ns("b"), s.ns("c")) },
		}
	},
	"a source's annotation is removed": func(s *scene, k kind) absence {
		var source object
		return absence{
			before:    func() { source = s.mirrored(k, "a", "b") },
			meanwhile: func() { source = s.unannotate(source, native+"push-to") },
			after:     func() { s.reaches(source) },
		}
	},
	"a source is deleted": func(s *scene, k kind) absence {
		var source, replica object
		return absence{
			before:    func() { source = s.mirrored(k, "to"); replica = s.get(k, s.ns("to"), s.token()) },
			meanwhile: func() { s.delete(source) },
			after:     func() { s.untouched(replica) }, // through the grace
		}
	},
	"a source is deleted and made again": func(s *scene, k kind) absence {
		var source, replica object
		return absence{
			before: func() { source = s.mirrored(k, "to"); replica = s.get(k, s.ns("to"), s.token()) },
			meanwhile: func() {
				s.delete(source)
				recreated := pushed(k, source.namespace, source.name, s.ns("to"))
				recreated.data = map[string]string{"token": "two"}
				source = s.create(recreated)
			},
			after: func() { s.neverAbsent(replica, s.replicated(source, s.ns("to"))) },
		}
	},
	"a source that survives its recreation is made again": func(s *scene, k kind) absence {
		var source, replica object
		return absence{
			before: func() {
				source = s.annotate(s.mirrored(k, "to"), native+"survives-recreation", "true")
				s.system.CatchUp(s)
				replica = s.get(k, s.ns("to"), s.token())
			},
			meanwhile: func() {
				s.delete(source)
				source = s.create(object{
					kind: k, namespace: source.namespace, name: source.name, data: map[string]string{"token": "two"},
				})
			},
			after: func() { s.neverAbsent(replica, s.replicated(source, s.ns("to"))) },
		}
	},
	"a namespace is created": func(s *scene, k kind) absence {
		var source object
		return absence{
			before:    func() { source = s.mirrored(k); s.annotate(source, native+"push-to", s.ns("later")) },
			meanwhile: func() { s.namespace("later") },
			after:     func() { s.replicated(source, s.ns("later")) },
		}
	},
	"a namespace is relabelled": func(s *scene, k kind) absence {
		label := func(namespace, value string) {
			s.editNamespace(s.ns(namespace), func(n *corev1.Namespace) { n.Labels[s.ns("tier")] = value })
		}
		var source object
		return absence{
			before: func() {
				source = s.mirrored(k)
				s.namespace("a", s.ns("tier"), "web")
				s.namespace("b")
				source = s.annotate(source, native+"push-to-selector", s.ns("tier")+"=web")
				s.reaches(source, s.ns("a"))
			},
			meanwhile: func() { label("a", "db"); label("b", "web") },
			after:     func() { s.reaches(source, s.ns("b")) },
		}
	},
	"a namespace is barred": func(s *scene, k kind) absence {
		var source object
		return absence{
			before: func() { source = s.mirrored(k, "a", "b") },
			meanwhile: func() {
				s.editNamespace(s.ns("a"), func(n *corev1.Namespace) {
					n.Annotations = map[string]string{native + "accept-from": "somebody-else"}
				})
			},
			after: func() { s.reaches(source, s.ns("b")) },
		}
	},
	"a replica is edited": func(s *scene, k kind) absence {
		var source object
		return absence{
			before: func() { source = s.mirrored(k, "to") },
			meanwhile: func() {
				s.edit(s.get(k, s.ns("to"), s.token()), func(o *object) { o.data["token"] = "mine" })
			},
			after: func() { s.replicated(source, s.ns("to")) },
		}
	},
	"a replica is deleted": func(s *scene, k kind) absence {
		var source object
		return absence{
			before:    func() { source = s.mirrored(k, "to") },
			meanwhile: func() { s.delete(s.get(k, s.ns("to"), s.token())) },
			after:     func() { s.replicated(source, s.ns("to")) },
		}
	},
	"an occupied target becomes free": func(s *scene, k kind) absence {
		var source, stranger object
		return absence{
			before: func() {
				source = s.mirrored(k)
				stranger = s.create(object{kind: k, namespace: s.namespace("to"), name: s.token()})
				source = s.annotate(source, native+"push-to", s.ns("to"))
				s.expectEvent(source, "Occupied")
			},
			meanwhile: func() { s.delete(stranger) },
			after:     func() { s.replicated(source, s.ns("to")) },
		}
	},
	"a target is occupied": func(s *scene, k kind) absence {
		var source, stranger object
		return absence{
			before: func() { source = s.mirrored(k, "to") },
			meanwhile: func() {
				s.delete(s.get(k, s.ns("to"), s.token()))
				stranger = s.create(object{kind: k, namespace: s.ns("to"), name: s.token()})
			},
			after: func() { s.expectEvent(source, "Occupied"); s.untouched(stranger) },
		}
	},
}

// mirrored makes a source in the namespace "from" and these others with its replicas.
func (s *scene) mirrored(k kind, suffixes ...string) object {
	s.Helper()
	var namespaces []string
	for _, suffix := range suffixes {
		namespaces = append(namespaces, s.namespace(suffix))
	}
	source := s.create(pushed(k, s.namespace("from"), s.token(), strings.Join(namespaces, ",")))
	s.reaches(source, namespaces...)
	return source
}

func testGraceBeginsAnew(s, other *scene) {
	first := s.system.Controller(s, "--source-delete-grace=1h")
	before, meanwhile := s.mirrored(secret, "to"), other.mirrored(configMap, "to")
	replica := s.get(secret, s.ns("to"), s.token())
	s.delete(before)
	s.untouched(replica)
	s.stop(first)
	other.delete(meanwhile)

	s.outlives(replica, grace, func() { s.system.Controller(s, "--source-delete-grace="+grace.String()) })
	other.gone(configMap, other.ns("to"), s.token())
}

func testRestartAmidAFanOut(s *scene) {
	const many = 300
	teams := make([]string, many)
	var wg sync.WaitGroup
	for i := range many {
		teams[i] = s.ns(fmt.Sprintf("team-%03d", i))
	}
	for part := range slices.Chunk(teams, many/10) {
		wg.Go(func() {
			for _, team := range part {
				namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: team}}
				_, err := s.system.Client.CoreV1().Namespaces().Create(s.Context(), namespace, metav1.CreateOptions{})
				if err != nil {
					s.Error(err)
				}
			}
		})
	}
	wg.Wait()
	mark := s.mark()
	c := s.system.Controller(s, "--write-concurrency=1")
	source := s.create(pushed(secret, s.namespace("from"), s.token(), s.ns("team-*")))

	// followers counts the replicas that have the source's data.
	followers := func() (n int) {
		list, err := s.system.Client.CoreV1().Secrets("").List(s.Context(), metav1.ListOptions{
			LabelSelector: native + "source-namespace=" + source.namespace,
		})
		if err != nil {
			s.Fatal(err)
		}
		for _, replica := range list.Items {
			if string(replica.Data["token"]) == source.data["token"] {
				n++
			}
		}
		return n
	}
	reach := func(least int) {
		s.eventually(func() error {
			if n := followers(); n < least {
				return fmt.Errorf("%d of %d namespaces are reached", n, many)
			}
			return nil
		})
	}
	amid := func() {
		if n := followers(); n == 0 || n == many {
			s.Errorf("%d of %d namespaces were reached when the process ended: it was not amid the work", n, many)
		}
	}
	reach(1)
	s.stop(c) // an exit code other than 0 fails the test
	amid()
	s.start(c)
	reach(many)
	creates := make([]string, many)
	for i, team := range teams {
		creates[i] = "create secrets " + team + "/" + s.token()
	}
	if diff := cmp.Diff(creates, s.writes(mark, teams...)); diff != "" {
		s.Errorf("the writes of both processes (-want +got):\n%s", diff)
	}

	source = s.edit(source, func(o *object) { o.data["token"] = "two" })
	reach(1)
	if err := c.Kill(); err != nil {
		s.Fatal(err)
	}
	amid()
	s.start(c)
	reach(many)
}

func testRestartOfTheAPIServer(s *scene) {
	c := s.system.Controller(s)
	source := s.mirrored(secret, "to")
	from, to := source.namespace, s.ns("to")
	mark := s.mark()
	s.unmoved(func() {
		if err := s.system.Cluster.APIServer.Kill(); err != nil {
			s.Fatal(err)
		}
		if err := s.system.Cluster.APIServer.Start(s.Context()); err != nil {
			s.Fatal(err)
		}
	}, from, to)
	if writes := s.writes(mark, from, to); len(writes) > 0 {
		s.Errorf("the controller wrote %q", writes)
	}
	source = s.edit(source, func(o *object) { o.data["token"] = "two" })
	s.replicated(source, to)
	s.expectNoWarning(source)
	select {
	case <-c.Done():
		s.Error("the controller has ended")
	default:
	}
}
