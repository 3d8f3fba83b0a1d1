package installing

import (
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/registry"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
	"github.com/mirrorball-dev/mirrorball/e2e/packaging/internal/checkout"
)

// reader is a person who copies the commands of the README one after another.
type reader struct {
	*testing.T
	system   *harness.System
	checkout string
	registry string
	blocks   []string
}

func newReader(t *testing.T) *reader {
	t.Helper()
	r := &reader{T: t, checkout: filepath.Join(t.TempDir(), "mirrorball")}
	checkout.Clone(t, r.checkout)
	text, err := os.ReadFile(filepath.Join(r.checkout, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "\n## Installing\n")
	section, _, found := strings.Cut(after, "\n## ")
	if !found {
		t.Fatal(`README.md has no section "Installing"`)
	}
	for _, match := range regexp.MustCompile("(?s)\n```sh\n(.*?)\n```").FindAllStringSubmatch(section, -1) {
		r.blocks = append(r.blocks, match[1])
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	r.registry = strings.TrimPrefix(server.URL, "http://")
	r.system = harness.OwnSystem(t, harness.Options{Manifests: nothing(t)})
	return r
}

// nothing is a kustomize folder of which the harness installs nothing: the README does.
func nothing(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	text := "configMapGenerator: [{name: unused, literals: [a=b]}]\n"
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// play runs the next block, which has to have this command, with the test's registry.
func (r *reader) play(has string) {
	r.Helper()
	if len(r.blocks) == 0 || !strings.Contains(r.blocks[0], has) {
		r.Fatalf("the next block of README.md has no %q: %q", has, r.blocks)
	}
	block := strings.ReplaceAll(r.blocks[0], "registry.example.com", r.registry)
	r.blocks = r.blocks[1:]
	command := exec.CommandContext(r.Context(), "bash", "-euo", "pipefail", "-c", block)
	command.Dir = r.checkout
	dir := r.TempDir()
	command.Env = append(os.Environ(), "KUBECONFIG="+r.system.Kubeconfig,
		"PATH="+filepath.Dir(r.system.Kubectl())+string(os.PathListSeparator)+os.Getenv("PATH"),
		"HELM_CACHE_HOME="+dir, "HELM_CONFIG_HOME="+dir, "HELM_DATA_HOME="+dir)
	if out, err := command.CombinedOutput(); err != nil {
		r.Fatalf("%s: %v: %s", block, err, out)
	}
}

// works checks that the Deployment's image is in the registry, and that a controller with the rights that were granted
// mirrors. There is no kubelet: the controller is a process of this test.
func (r *reader) works(name string) {
	r.Helper()
	deployment, err := r.system.Client.AppsV1().Deployments(harness.Namespace).
		Get(r.Context(), "mirrorball", metav1.GetOptions{})
	if err != nil {
		r.Fatal(err)
	}
	reference := deployment.Spec.Template.Spec.Containers[0].Image
	if _, err := crane.Digest(reference); err != nil || !strings.HasPrefix(reference, r.registry) {
		r.Errorf("the Pods cannot pull %s: %v", reference, err)
	}
	controller := r.system.Controller(r.T)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Name: name, Annotations: map[string]string{"mirrorball.dev/push-to": name},
	}}
	_, err = r.system.Client.CoreV1().Secrets("default").Create(r.Context(), secret, metav1.CreateOptions{})
	if err != nil {
		r.Fatal(err)
	}
	r.system.CreateNamespace(r.T, name)
	r.system.Eventually(r.T, func() error {
		_, err := r.system.Client.CoreV1().Secrets(name).Get(r.Context(), name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("the replica: %w", err)
		}
		return nil
	})
	if err := controller.Stop(r.Context()); err != nil {
		r.Error(err)
	}
}

func TestInstalling(t *testing.T) {
	r := newReader(t)
	r.play("helm install")
	r.works("by-helm")
	r.play("helm uninstall")
	r.play("kubectl apply -k")
	r.works("by-kustomize")
	if len(r.blocks) > 0 {
		t.Errorf("blocks that were not played: %q", r.blocks)
	}
}
