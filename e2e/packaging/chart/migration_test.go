package chart

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/controlplane"
	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// reflectorChart stands for Reflector's chart: it has the labels and the image of that one.
const reflectorChart = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels: &labels
    app.kubernetes.io/name: reflector
    app.kubernetes.io/instance: {{ .Release.Name }}
spec:
  replicas: 1
  selector:
    matchLabels: *labels
  template:
    metadata:
      labels: *labels
    spec:
      containers:
        - name: reflector
          image: docker.io/emberstack/kubernetes-reflector:9.1.22
`

const reflector = "reflector.v1.k8s.emberstack.com/"

// migration is the section of docs/moving.md about Helm, played by a person who copies its blocks.
type migration struct {
	cluster
	blocks []string
	copies []corev1.Secret // as Reflector left them
	source corev1.Secret
}

func newMigration(t *testing.T) *migration {
	t.Helper()
	m := &migration{cluster: newClusterWith(t, controlplane.Options{Audit: true}), blocks: helmBlocks(t)}
	m.installReflector()
	m.leaveCopies()
	return m
}

// helmBlocks are the blocks of the section.
func helmBlocks(t *testing.T) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile(deploy(t, "..", "docs", "moving.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "\n## Move from an installed Reflector with Helm\n")
	section, _, found := strings.Cut(after, "\n## ")
	if !found {
		t.Fatal("docs/moving.md has no section about Helm")
	}
	for _, match := range regexp.MustCompile("(?s)\n *```sh\n(.*?)\n *```").FindAllStringSubmatch(section, -1) {
		blocks = append(blocks, match[1])
	}
	return blocks
}

func (m *migration) installReflector() {
	m.Helper()
	dir := m.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "templates"), 0o700); err != nil {
		m.Fatal(err)
	}
	for name, text := range map[string]string{
		"Chart.yaml":                "apiVersion: v2\nname: reflector\nversion: 9.1.22\n",
		"templates/deployment.yaml": reflectorChart,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			m.Fatal(err)
		}
	}
	_, stderr, err := helm(m.T, m.Kubeconfig, "install", "reflector", dir, "--namespace", "reflector",
		"--create-namespace")
	if err != nil {
		m.Fatalf("helm install reflector: %v: %s", err, stderr)
	}
}

// leaveCopies makes a source, the copies that Reflector pushes, and a mirror that pulls, as Reflector leaves them.
func (m *migration) leaveCopies() {
	m.Helper()
	m.CreateNamespace(m.T, "infra")
	m.source = m.create(corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "infra", Name: "regcred", Annotations: map[string]string{
			reflector + "reflection-allowed":         "true",
			reflector + "reflection-auto-enabled":    "true",
			reflector + "reflection-auto-namespaces": "team-[a-z]+",
		}},
		Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{"registry.example.com":{"auth":"YTpi"}}}`)},
	})
	for namespace, pulls := range map[string]bool{"team-blue": false, "team-red": false, "production": true} {
		m.CreateNamespace(m.T, namespace)
		copied := corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: m.source.Name}, Type: m.source.Type}
		copied.Data = m.source.Data
		copied.Annotations = map[string]string{
			reflector + "reflects":          "infra/regcred",
			reflector + "auto-reflects":     "True",
			reflector + "reflected-version": m.source.ResourceVersion,
			reflector + "reflected-at":      "2026-08-01T10:00:00.0000000+00:00",
		}
		if pulls {
			copied.Annotations[reflector+"auto-reflects"] = "False"
		}
		m.copies = append(m.copies, m.create(copied))
	}
}

func (m *migration) create(secret corev1.Secret) corev1.Secret {
	m.Helper()
	created, err := m.Client.CoreV1().Secrets(secret.Namespace).Create(m.Context(), &secret, metav1.CreateOptions{})
	if err != nil {
		m.Fatal(err)
	}
	return *created
}

// play runs the next block, which has to have this command, and returns its output.
func (m *migration) play(has string) string {
	m.Helper()
	output, err := m.try(has)
	if err != nil {
		m.Fatalf("%s: %v: %s", m.blocks[0], err, output)
	}
	m.blocks = m.blocks[1:]
	return output
}

// try is play without the next block being done with.
func (m *migration) try(has string) (string, error) {
	m.Helper()
	if len(m.blocks) == 0 || !strings.Contains(m.blocks[0], has) {
		m.Fatalf("the next block of docs/moving.md has no %q: %q", has, m.blocks)
	}
	command := exec.CommandContext(m.Context(), "bash", "-euo", "pipefail", "-c", m.blocks[0])
	command.Dir = deploy(m.T, "..")
	dir := m.TempDir()
	command.Env = append(os.Environ(), "KUBECONFIG="+m.Kubeconfig,
		"PATH="+filepath.Dir(program(m.T, "helm", "helm"))+string(os.PathListSeparator)+os.Getenv("PATH"),
		"HELM_CACHE_HOME="+dir, "HELM_CONFIG_HOME="+dir, "HELM_DATA_HOME="+dir)
	output, err := command.CombinedOutput()
	return string(output), err
}

// runPods has the Pods of the Deployment be ready, as a kubelet does. The controller is a process of this test. It
// returns an error while there is something to wait for.
func (m *migration) runPods(ctx context.Context) error {
	pods := m.Client.CoreV1().Pods(harness.Namespace)
	list, err := pods.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, pod := range list.Items {
		pod.Status.Phase = corev1.PodRunning
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		if _, err := pods.UpdateStatus(ctx, &pod, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	if len(list.Items) < 2 {
		return fmt.Errorf("there are %d Pods, want 2", len(list.Items))
	}
	return nil
}

// TestMigrationFromReflector plays the section: all copies are adopted in place, and only their marks are written.
func TestMigrationFromReflector(t *testing.T) {
	m := newMigration(t)
	before := m.play("mirrorball plan")
	for _, copied := range m.copies {
		if !strings.Contains(before, copied.Namespace+"/"+copied.Name) {
			t.Errorf("plan and audit do not name the copy in %s: %s", copied.Namespace, before)
		}
	}
	if got := strings.Count(before, "adopt"); got < 2 {
		t.Errorf("the plan adopts %d copies, want 2: %s", got, before)
	}

	stop := m.blocks[0]
	m.blocks = m.blocks[1:]
	output, err := m.try("helm install")
	if err == nil || !strings.Contains(output, "kubectl -n reflector scale deployment reflector --replicas=0") {
		t.Fatalf("Helm does not refuse to install while Reflector runs, or does not say what to do: %v: %s", err, output)
	}
	m.blocks = append([]string{stop}, m.blocks...)
	m.play("kubectl -n reflector scale")

	mark, err := m.MarkRequests(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan error, 1)
	go func() { ready <- harness.Poll(t.Context(), m.runPods) }()
	m.play("helm install")
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	controller := m.Controller(t)
	m.CatchUp(t)
	if after := m.play("mirrorball audit"); !strings.Contains(after, "InSync") {
		t.Errorf("the audit says nothing of what is in sync: %s", after)
	}
	m.adopted(mark)

	m.play("helm uninstall reflector")
	if err := controller.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.Unmoved(t, []string{"infra", "team-blue", "team-red", "production"}, func() { m.Controller(t) })
	if len(m.blocks) > 0 {
		t.Errorf("blocks that were not played: %q", m.blocks)
	}
}

// adopted checks that each copy is the same object with the same content, that the controller wrote to it once and only
// its marks, and that nothing else was written.
func (m *migration) adopted(mark harness.Mark) {
	m.Helper()
	requests, err := m.WritesSince(m.Context(), mark)
	if err != nil {
		m.Fatal(err)
	}
	for _, copied := range m.copies {
		now := m.get(copied.Namespace)
		if now.UID != copied.UID || !maps.EqualFunc(now.Data, copied.Data, bytes.Equal) || now.Type != copied.Type {
			m.Errorf("the copy in %s is another object, or has other content", copied.Namespace)
		}
		if got := now.Annotations["mirrorball.dev/replica-of"]; got != "infra/regcred" {
			m.Errorf("the copy in %s is a replica of %q", copied.Namespace, got)
		}
		if owners := dataOwners(now); len(owners) != 1 {
			m.Errorf("the content of the copy in %s was written by %q, want only who made it", copied.Namespace, owners)
		}
		writes := slices.DeleteFunc(slices.Clone(requests), func(r harness.Request) bool {
			return r.Namespace != copied.Namespace
		})
		if len(writes) != 1 || writes[0].Verb != "patch" {
			m.Errorf("the writes in %s are %v, want one patch", copied.Namespace, writes)
		}
	}
	if now := m.get(m.source.Namespace); now.ResourceVersion != m.source.ResourceVersion {
		m.Errorf("the source was written")
	}
}

func (m *migration) get(namespace string) *corev1.Secret {
	m.Helper()
	secret, err := m.Client.CoreV1().Secrets(namespace).Get(m.Context(), m.source.Name, metav1.GetOptions{})
	if err != nil {
		m.Fatal(err)
	}
	return secret
}

// dataOwners are the field managers that have written the data of a Secret.
func dataOwners(secret *corev1.Secret) (names []string) {
	for _, entry := range secret.ManagedFields {
		if entry.FieldsV1 != nil && strings.Contains(entry.FieldsV1.GetRawString(), `"f:data"`) {
			names = append(names, entry.Manager)
		}
	}
	return names
}
