package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// copyByReflector is a copy of a source as Reflector leaves it.
func copyByReflector(source object, namespace string) object {
	return object{
		kind: source.kind, namespace: namespace, name: source.name, typ: source.typ, data: maps.Clone(source.data),
		annotations: annotated(reflector+"reflects", source.namespace+"/"+source.name, reflector+"auto-reflects", "True",
			reflector+"reflected-version", source.version, reflector+"reflected-at", "2026-08-01T10:00:00.0000000+00:00"),
	}
}

// copyByReplicator is one as kubernetes-replicator leaves it: with the source's labels, and without its name.
func copyByReplicator(source object, namespace string) object {
	return object{
		kind: source.kind, namespace: namespace, name: source.name, typ: source.typ, data: maps.Clone(source.data),
		labels: maps.Clone(source.labels),
		annotations: annotated(replicator+"replicated-at", "2026-08-01T10:00:00Z",
			replicator+"replicated-from-version", source.version,
			replicator+"replicated-keys", strings.Join(slices.Sorted(maps.Keys(source.data)), ",")),
	}
}

// peers are the two other controllers: a policy that pushes into a namespace and lets it pull, and a copy.
var peers = map[string]struct {
	policy   func(namespace string) map[string]string
	copy     func(source object, namespace string) object
	pullKeys func(source object) map[string]string
}{
	"Reflector": {
		pushDialects["Reflector"], copyByReflector,
		func(source object) map[string]string {
			return annotated(reflector+"reflects", source.namespace+"/"+source.name, reflector+"reflected-version",
				source.version, reflector+"reflected-at", "2026-08-01T10:00:00.0000000+00:00")
		},
	},
	"kubernetes-replicator": {
		pushDialects["kubernetes-replicator"], copyByReplicator,
		func(source object) map[string]string {
			return annotated(replicator+"replicate-from", source.namespace+"/"+source.name,
				replicator+"replicated-at", "2026-08-01T10:00:00Z", replicator+"replicated-from-version", source.version,
				replicator+"replicated-keys", strings.Join(slices.Sorted(maps.Keys(source.data)), ","))
		},
	},
}

// moving is what one peer left in a scene, of one kind.
type moving struct {
	*scene
	source        object
	copies, lies  []object
	puller, edits object
}

// TestMovingOver has one cluster. What the peers left is all there before Mirrorball is started.
func TestMovingOver(t *testing.T) {
	s := ownScene(t)
	var all []*moving
	for title, peer := range peers {
		for _, k := range []kind{secret, configMap} {
			m := &moving{scene: s.part(t)}
			all = append(all, m)
			from, other := m.namespace("from"), m.namespace("other")
			m.source = m.create(object{
				kind: k, namespace: from, name: "token", data: map[string]string{"token": "one", "user": "ada"},
				labels: map[string]string{"team": "web"}, annotations: peer.policy(m.ns("to-[a-z-]*")),
			})
			for _, name := range []string{"to-a", "to-b"} {
				m.copies = append(m.copies, m.create(peer.copy(m.source, m.namespace(name))))
			}
			// A copy that somebody edited is put right.
			m.edits = m.create(peer.copy(m.source, m.namespace("to-edited")))
			m.edits = m.edit(m.edits, func(o *object) { o.data["token"] = "by hand" })
			// A mirror that pulls.
			m.puller = m.create(object{
				kind: k, namespace: m.namespace("to-pulling"), name: "mine", data: map[string]string{"token": "one", "user": "ada"},
				annotations: peer.pullKeys(m.source),
			})

			// Of another source, or with data of its own, or somebody's own: strangers.
			foreign := m.create(object{
				kind: k, namespace: other, name: "token", data: map[string]string{"token": "of the other", "user": "eve"},
			})
			lie := m.create(peer.copy(foreign, m.namespace("to-foreign")))
			own := m.create(object{
				kind: k, namespace: m.namespace("to-own"), name: "token", data: map[string]string{"token": "one", "user": "ada"},
			})
			m.lies = append(m.lies, lie, own)
			if title == "kubernetes-replicator" {
				merged := peer.copy(m.source, m.namespace("to-merged"))
				merged.data["own"] = "data"
				m.lies = append(m.lies, m.create(merged))
			}
		}
	}

	c := s.system.Controller(s)
	for _, m := range all {
		for _, copied := range append(m.copies, m.edits) {
			m.neverAbsent(copied, m.replicated(m.source, copied.namespace))
		}
		m.neverAbsent(m.puller, m.pulled(m.source, m.puller))
		m.expectEvent(m.source, "Occupied")
	}
	s.system.CatchUp(s)
	for _, m := range all {
		for _, lie := range m.lies {
			now := m.get(lie.kind, lie.namespace, lie.name)
			if now.uid != lie.uid || now.version != lie.version {
				t.Errorf("%s is a stranger, and was written", lie)
			}
		}
		// They are replicas like any other.
		m.rotate(m.source, "two")
		for _, copied := range append(m.copies, m.edits) {
			m.eventuallyHas(copied, "token", "two")
		}
		m.eventuallyHas(m.puller, "token", "two")
	}
	s.stop(c)
	s.start(c)
	for _, m := range all {
		var namespaces []string
		for _, copied := range m.copies {
			namespaces = append(namespaces, copied.namespace)
		}
		m.unmoved(nil, namespaces...)
		m.unannotate(m.source, slices.Collect(maps.Keys(m.source.annotations))...)
		for _, copied := range append(m.copies, m.edits) {
			m.gone(copied.kind, copied.namespace, copied.name)
		}
		m.untouched(m.get(m.puller.kind, m.puller.namespace, m.puller.name))
	}
}

// TestReplicatorCopy: a copy that kubernetes-replicator made is adopted as long as it has the source's content. The
// source was written after the peer had made its copy, as by annotating it for Mirrorball.
func TestReplicatorCopy(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from := s.namespace("from")
		source := s.create(object{
			kind: k, namespace: from, name: "token", data: map[string]string{"token": "one"},
		})
		source = s.annotate(source, "example.com/note", "a new version")
		same := s.create(copyByReplicator(source, s.namespace("to-same")))
		source = s.annotate(source, native+"keys", "token=renamed")
		other := copyByReplicator(source, s.namespace("to-other"))
		other.data["token"] = "of another source, or of another version"
		other.annotations[replicator+"replicated-from-version"] = "1"
		other = s.create(other)
		source = s.annotate(source, replicator+"replicate-to", s.ns("to-.*"))

		adopted := s.has(k, same.namespace, "token", map[string]string{"renamed": "one"})
		s.neverAbsent(same, adopted)
		s.expectEvent(source, "Occupied", other.namespace, "another controller")
		s.untouched(other)

		// Once the source has that content, it is this source's copy.
		s.edit(source, func(o *object) { o.data["token"] = other.data["token"] })
		s.neverAbsent(other, s.has(k, other.namespace, "token", map[string]string{"renamed": other.data["token"]}))
	})
}

// TestPeerCopyOfAnotherType: a peer's copy of another type is left as it is, with an event.
func TestPeerCopyOfAnotherType(t *testing.T) {
	t.Parallel()
	for title, peer := range peers {
		t.Run(title, func(t *testing.T) {
			s := newScene(t)
			from, to := s.namespace("from"), s.namespace("to")
			source := s.create(object{
				namespace: from, name: "token", data: map[string]string{"username": "ada"}, typ: corev1.SecretTypeBasicAuth,
			})
			copied := peer.copy(source, to)
			copied.typ = corev1.SecretTypeOpaque
			copied = s.create(copied)
			s.edit(source, func(o *object) { maps.Copy(o.annotations, peer.policy(to)) })
			s.expectEvent(source, "Occupied", to, "type")
			s.untouched(copied)
			s.delete(copied)
			s.replicated(s.get(secret, from, "token"), to)
		})
	}
}

// TestFilledByReplicator: an object that kubernetes-replicator filled loses a key that the source no longer has, and
// keeps its own.
func TestFilledByReplicator(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := s.create(object{
			kind: k, namespace: from, name: "token", data: map[string]string{"token": "two"},
			annotations: peers["kubernetes-replicator"].policy(to),
		})
		before := source
		before.data = map[string]string{"token": "one", "dropped": "while nobody ran"}
		puller := s.create(object{
			kind: k, namespace: to, name: "mine",
			data:        map[string]string{"token": "one", "dropped": "while nobody ran", "own": "o"},
			annotations: peers["kubernetes-replicator"].pullKeys(before),
		})
		s.has(k, to, puller.name, map[string]string{"token": "two", "own": "o"})
	})
}

// blocks are the shell commands of docs/moving.md, in their order. The test of the chart plays those with Helm.
func blocks(t *testing.T) (commands []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "moving.md"))
	if err != nil {
		t.Fatal(err)
	}
	var block []string
	inside, skipped := false, false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "## "):
			skipped = strings.HasSuffix(line, "with Helm")
		case skipped:
		case line == "```sh":
			inside, block = true, nil
		case line == "```" && inside:
			inside = false
			commands = append(commands, strings.Join(block, "\n"))
		case inside:
			block = append(block, line)
		}
	}
	return commands
}

// guide is docs/moving.md, played by a person who copies its commands one after another.
type guide struct {
	*scene
	dir    string
	blocks []string
}

// play runs the guide's next block, which has to be the one that begins so, with names filled in.
func (g *guide) play(begins string, names ...string) string {
	g.Helper()
	if len(g.blocks) == 0 || !strings.HasPrefix(g.blocks[0], begins) {
		g.Fatalf("the next commands do not begin with %q: %q", begins, g.blocks)
	}
	block := strings.NewReplacer(names...).Replace(g.blocks[0])
	command := exec.CommandContext(g.Context(), "bash", "-euo", "pipefail", "-c", block)
	g.blocks = g.blocks[1:]
	command.Dir = g.dir
	command.Env = append(os.Environ(), "KUBECONFIG="+g.system.Kubeconfig,
		"PATH="+filepath.Dir(g.system.Kubectl())+string(os.PathListSeparator)+os.Getenv("PATH"))
	output, err := command.CombinedOutput()
	if err != nil {
		g.Fatalf("%v: %s", err, output)
	}
	return string(output)
}

// deployment makes one that stands for a controller, for the guide to scale.
func (g *guide) deployment(namespace, name string) {
	g.Helper()
	labels := map[string]string{"app": name}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					Containers: []corev1.Container{{Name: "controller", Image: "registry.example.com/controller"}},
				},
			},
		},
	}
	_, err := g.system.Client.AppsV1().Deployments(namespace).Create(g.Context(), deployment, metav1.CreateOptions{})
	if err != nil {
		g.Fatal(err)
	}
}

func (g *guide) scaledToZero(namespace, name string) {
	g.Helper()
	deployment, err := g.system.Client.AppsV1().Deployments(namespace).Get(g.Context(), name, metav1.GetOptions{})
	if err != nil {
		g.Fatal(err)
	}
	if *deployment.Spec.Replicas != 0 {
		g.Errorf("the Deployment %s has %d replicas", name, *deployment.Spec.Replicas)
	}
}

// TestMigrationGuide plays docs/moving.md, over and back, for what both peers leave behind. Their own part is played by
// what they are known to write.
func TestMigrationGuide(t *testing.T) {
	s := ownScene(t)
	g := &guide{scene: s, dir: t.TempDir(), blocks: blocks(t)}
	from := s.namespace("from")
	type copied struct{ source, copy, fresh object }
	var all []copied
	for _, title := range slices.Sorted(maps.Keys(peers)) {
		peer := peers[title]
		for _, k := range []kind{secret, configMap} {
			name := strings.ToLower(title)
			source := s.create(object{
				kind: k, namespace: from, name: name, data: map[string]string{"token": "one"},
				annotations: peer.policy(s.ns("to-.*")),
			})
			to := s.ns("to-" + strings.ToLower(string(k)) + "-" + name)
			s.namespace(strings.TrimPrefix(to, s.prefix+"-"))
			all = append(all, copied{source: source, copy: s.create(peer.copy(source, to))})
		}
	}
	occupied := s.create(object{namespace: s.namespace("to-occupied"), name: "reflector"})
	g.deployment(from, "peer")
	g.deployment(harness.Namespace, "mirrorball")

	plan := g.play("mirrorball plan")
	for _, one := range all {
		if !strings.Contains(plan, one.copy.namespace+"/"+one.copy.name) {
			t.Errorf("the plan says nothing of %s: %s", one.copy, plan)
		}
	}
	if !strings.Contains(plan, "adopt") || !strings.Contains(plan, "Occupied") {
		t.Errorf("the plan does not say what is adopted, and what is occupied: %s", plan)
	}
	g.play("kubectl get secrets,configmaps -A -o custom-columns=")
	before, err := os.ReadFile(filepath.Join(g.dir, "before"))
	if err != nil {
		t.Fatal(err)
	}
	g.play("kubectl -n NAMESPACE scale", "NAMESPACE", from, "NAME", "peer")
	g.scaledToZero(from, "peer")
	c := s.system.Controller(s)
	for i, one := range all {
		for _, other := range all {
			s.replicated(one.source, other.copy.namespace)
			if other.copy.namespace != one.copy.namespace {
				all[i].fresh = s.get(one.source.kind, other.copy.namespace, one.source.name)
			}
		}
	}
	s.expectEvent(s.get(secret, from, "reflector"), "Occupied")
	audit := g.play("mirrorball audit")
	if !strings.Contains(audit, occupied.namespace+"/"+occupied.name) {
		t.Errorf("the audit says nothing of %s: %s", occupied, audit)
	}
	output := g.play("kubectl get events -A")
	if !strings.Contains(output, "Occupied") || !strings.Contains(output, occupied.namespace) {
		t.Errorf("nothing is said of what stands in the way of %s: %s", occupied, output)
	}
	list := strings.Split(string(before), "\n")
	for _, one := range all {
		line := fmt.Sprintf("%s %s %s %s", one.copy.kind, one.copy.namespace, one.copy.name, one.copy.uid)
		if !slices.ContainsFunc(list, func(l string) bool { return strings.Join(strings.Fields(l), " ") == line }) {
			t.Errorf("the list has no line %q", line)
		}
		now := s.get(one.copy.kind, one.copy.namespace, one.copy.name)
		if now.uid != one.copy.uid {
			t.Errorf("%s is another object", now)
		}
	}

	// And back.
	s.system.CatchUp(s)
	g.play("kubectl -n mirrorball-system scale")
	g.scaledToZero(harness.Namespace, "mirrorball")
	s.stop(c)
	g.play("kubectl get secrets,configmaps -A -l mirrorball.dev/replica=push")
	for _, one := range all {
		if strings.HasPrefix(one.source.name, "reflector") {
			now := s.get(one.fresh.kind, one.fresh.namespace, one.fresh.name)
			want := copyByReflector(one.source, now.namespace).annotations
			for _, key := range []string{reflector + "reflects", reflector + "auto-reflects"} {
				if now.annotations[key] != want[key] {
					t.Errorf("%s says %q under %s, and Reflector would say %q", now, now.annotations[key], key, want[key])
				}
			}
		}
	}
	g.play("kubectl label")
	for _, one := range all {
		for _, o := range []object{one.copy, one.fresh} {
			now := s.get(o.kind, o.namespace, o.name)
			if now.uid != o.uid {
				t.Errorf("%s is another object", now)
			}
			for key := range now.labels {
				t.Errorf("%s still has the label %s", now, key)
			}
		}
	}
	if len(g.blocks) != 0 {
		t.Errorf("commands that were not played: %q", g.blocks)
	}
}
