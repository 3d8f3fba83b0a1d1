package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mirrorball-dev/mirrorball/e2e/controlplane"
	"github.com/mirrorball-dev/mirrorball/e2e/harness"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
)

// bareScene is on a cluster of its own, with Mirrorball's namespace and none of its permissions.
func bareScene(t *testing.T) *scene {
	t.Helper()
	if !*slow {
		t.Skip("a slow test, with a control plane of its own: run it with -slow")
	}
	t.Parallel()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "deploy", "kustomize", "base", "namespace.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"namespace.yaml": text, "kustomization.yaml": []byte("resources: [namespace.yaml]\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	own := harness.OwnSystem(t, harness.Options{Manifests: dir, ControlPlane: controlplane.Options{Audit: true}})
	return &scene{TB: t, system: own, prefix: harness.Prefix(t)}
}

// grant applies what `mirrorball rbac` prints for these flags, which must be Roles alone.
func (s *scene) grant(flags ...string) {
	s.Helper()
	text, err := exec.CommandContext(s.Context(), s.system.Mirrorball(), append([]string{"rbac"}, flags...)...).Output()
	if err != nil {
		s.Fatal(err)
	}
	if strings.Contains(string(text), "ClusterRole") {
		s.Fatalf("mirrorball rbac %q prints a ClusterRole:\n%s", flags, text)
	}
	path := filepath.Join(s.TempDir(), "rbac.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		s.Fatal(err)
	}
	s.kubectl("apply", "--filename", path)
}

// expectPermitted asserts that every request of the controller since the mark was permitted, and was about these
// namespaces or its own.
func (s *scene) expectPermitted(mark harness.Mark, namespaces ...string) {
	s.Helper()
	requests, err := s.system.RequestsSince(s.Context(), mark, harness.User)
	if err != nil {
		s.Fatal(err)
	}
	if len(requests) == 0 {
		s.Error("the audit log has no request of the controller")
	}
	namespaces = append(slices.Clone(namespaces), harness.Namespace)
	for _, r := range requests {
		if r.Code == 401 || r.Code == 403 || !slices.Contains(namespaces, r.Namespace) {
			s.Errorf("a request that was denied, or is about another namespace: %s", r)
		}
	}
}

// TestRolesAlone: with Roles in some namespaces and no ClusterRole, Mirrorball mirrors from and to these namespaces,
// and no request is denied.
func TestRolesAlone(t *testing.T) {
	s := bareScene(t)
	from, outside := s.namespace("from"), s.namespace("outside")
	a, b := s.namespace("a", "team", "x"), s.namespace("b")
	flag := "--namespaces=" + strings.Join([]string{from, a, b}, ",")
	s.grant(flag)
	if err := s.system.WriteRules(t.Context(), harness.OpenRules); err != nil {
		t.Fatal(err)
	}
	s.expectSays(0, []string{"rbac", "--check", flag, "--as", harness.User}, "No permission is missing")
	s.expectSays(1, []string{"rbac", "--check", "--as", harness.User}, "MISSING VERB", "namespaces", "all")
	s.account(a, "builder")
	s.account(outside, "builder")
	mark := s.mark()
	controller := s.system.Controller(s, flag, "--leader-elect", "--source-delete-grace=2s")

	stranger := s.create(pushed(secret, outside, "stranger", "*"))
	source := s.create(credentials(from, s.token(), "*", "builder"))
	s.replicated(source, a)
	replica := s.replicated(source, b)
	s.pullSecrets(a, "builder", source.name)
	s.delete(replica)
	s.replicated(source, b)

	selected := s.create(object{
		kind: configMap, namespace: from, name: "selected", data: map[string]string{"token": "one"},
		annotations: map[string]string{native + "push-to-selector": "team=x", native + "pull-by": b},
	})
	s.replicated(selected, a)
	puller := s.create(object{
		kind: configMap, namespace: b, name: "puller",
		annotations: map[string]string{native + "pull-from": from + "/" + selected.name},
	})
	s.pulled(selected, puller)
	s.editNamespace(a, func(n *corev1.Namespace) { n.Labels["team"] = "y" })
	s.gone(configMap, a, selected.name)

	kept := s.create(pushed(secret, from, "kept", "*"))
	kept = s.annotate(kept, native+"survives-recreation", "true")
	s.replicated(kept, a)
	s.replicated(kept, b)
	s.delete(source)
	s.gone(secret, a, source.name)
	s.gone(secret, b, source.name)
	s.pullSecrets(a, "builder")
	for _, o := range []object{{namespace: outside, name: kept.name}, {namespace: a, name: stranger.name}} {
		if _, err := s.find(secret, o.namespace, o.name); !apierrors.IsNotFound(err) {
			t.Errorf("%s is there, or can't be looked for: %v", o, err)
		}
	}
	s.expectPermitted(mark, from, a, b)
	s.expectSays(0, []string{"audit", flag, "--as", harness.User}, "kept", "settings: ")
	s.expectSays(0, []string{"plan", flag, "--as", harness.User}, "nothing to write")
	s.expectSays(0, []string{"explain", from + "/" + kept.name, "--in", b, flag, "--as", harness.User}, "InSync")
	s.stop(controller)
	t.Run("a namespace that comes later", func(t *testing.T) { testLaterNamespace(s.within(t), kept, from, a) })
	t.Run("fewer namespaces", func(t *testing.T) { testFewerNamespaces(s.within(t), kept, []string{from, a}, b) })
}

// testLaterNamespace: a namespace that is named and does not exist is looked for, and used when it has its Role. Until
// then there is no other request about it.
func testLaterNamespace(s *scene, source object, named ...string) {
	later := s.ns("later")
	flag := "--namespaces=" + strings.Join(append(slices.Clone(named), later), ",")
	mark := s.mark()
	controller := s.system.Controller(s, flag)
	s.expectSays(2, []string{"audit", flag, "--as", harness.User}, "the namespace "+later, "missing: the verb get on it")
	requests, err := s.system.RequestsSince(s.Context(), mark, harness.User)
	if err != nil {
		s.Fatal(err)
	}
	for _, r := range requests {
		if looksFor := r.Verb == "get" && r.Resource == "namespaces"; r.Namespace == later && !looksFor {
			s.Errorf("a request about a namespace that does not exist: %s", r)
		}
	}
	s.namespace("later")
	s.grant(flag)
	s.replicated(source, later)
	s.stop(controller)
}

// testFewerNamespaces: what is in a namespace that is not named any more stays as it is, and so do the replicas of the
// sources in it.
func testFewerNamespaces(s *scene, source object, named []string, former string) {
	to := named[1]
	far := s.create(pushed(secret, former, "far", to))
	all := "--namespaces=" + strings.Join(append(slices.Clone(named), former), ",")
	before := s.system.Controller(s, all, "--source-delete-grace=2s")
	ofFar := s.replicated(far, to)
	s.stop(before)

	inFormer := s.get(secret, former, source.name)
	flag := "--namespaces=" + strings.Join(named, ",")
	mark := s.mark()
	s.system.Controller(s, flag, "--source-delete-grace=2s")
	source = s.rotate(source, "two")
	s.replicated(source, to)
	s.expectSays(1, []string{"audit", flag, "-o", "wide", "--as", harness.User}, "OutOfReach")
	// The grace of this one begins later than that of the other, and so it ends later.
	s.delete(source)
	s.gone(secret, to, source.name)
	for _, was := range []object{inFormer, ofFar} {
		if now := s.get(secret, was.namespace, was.name); now.uid != was.uid || now.version != was.version {
			s.Errorf("%s was written, which is out of reach or whose source is", now)
		}
	}
	s.expectPermitted(mark, named...)
}
