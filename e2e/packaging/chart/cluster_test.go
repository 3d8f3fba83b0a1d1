package chart

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/e2e/controlplane"
	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// namespaceOnly is a kustomize folder with Mirrorball's Namespace, and so its Pod Security Standard, and nothing else:
// helm installs the rest.
func namespaceOnly(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(deploy(t, "kustomize", "base", "namespace.yaml"))
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
	return dir
}

// cluster is a control plane that helm installs on. It has no kubelet: no container runs. The test runs the controller
// as a process, with the permissions that the chart grants, and plays the kubelet for the Pod of `helm test`.
type cluster struct {
	*testing.T
	*harness.System
}

func newCluster(t *testing.T) cluster {
	t.Helper()
	return newClusterWith(t, controlplane.Options{})
}

func newClusterWith(t *testing.T, options controlplane.Options) cluster {
	t.Helper()
	options.Controllers = []string{"deployment-controller", "replicaset-controller"}
	return cluster{t, harness.OwnSystem(t, harness.Options{Manifests: namespaceOnly(t), ControlPlane: options})}
}

// helm runs a command on the release mirrorball.
func (c cluster) helm(verb string, args ...string) string {
	c.Helper()
	args = append([]string{verb, "mirrorball", "--namespace", harness.Namespace}, args...)
	stdout, stderr, err := helm(c.T, c.Kubeconfig, args...)
	if err != nil {
		c.Fatalf("helm %s: %v: %s%s", strings.Join(args, " "), err, stdout, stderr)
	}
	return stdout
}

// accepted asks the API server whether it would accept all objects, strictly: an unknown field is an error.
func (c cluster) accepted(args ...string) {
	c.Helper()
	args = append([]string{"template", "mirrorball", deploy(c.T, "chart"), "--namespace", harness.Namespace}, args...)
	manifests, stderr, err := helm(c.T, c.Kubeconfig, args...)
	if err != nil {
		c.Fatalf("helm template: %v: %s", err, stderr)
	}
	// The namespace of `helm test` does not exist yet, so its Pod is not asked about here; the real test creates it.
	before, _, _ := strings.Cut(manifests, "# Source: mirrorball/templates/tests/")
	command := exec.CommandContext(c.Context(), c.Kubectl(), "--kubeconfig", c.Kubeconfig, "apply", "--filename=-",
		"--dry-run=server", "--validate=strict")
	command.Stdin = strings.NewReader(before)
	if out, err := command.CombinedOutput(); err != nil || strings.Contains(string(out), "Warning") {
		c.Errorf("the API server does not accept what the chart renders: %v: %s", err, out)
	}
}

// replica waits for a Secret with the content, and returns its UID.
func (c cluster) replica(namespace, name, content string) (uid types.UID) {
	c.Helper()
	c.Eventually(c.T, func() error {
		secret, err := c.Client.CoreV1().Secrets(namespace).Get(c.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if string(secret.Data["key"]) != content {
			return fmt.Errorf("the replica %s/%s does not have the content of the source yet", namespace, name)
		}
		uid = secret.UID
		return nil
	})
	return uid
}

// write creates or changes the source default/source, which is pushed to the namespace.
func (c cluster) write(namespace, content string) {
	c.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "source", Annotations: map[string]string{"mirrorball.dev/push-to": namespace}},
		StringData: map[string]string{"key": content},
	}
	secrets := c.Client.CoreV1().Secrets("default")
	_, err := secrets.Create(c.Context(), secret, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = secrets.Update(c.Context(), secret, metav1.UpdateOptions{})
	}
	if err != nil {
		c.Fatal(err)
	}
}

// pods waits until the Deployment has as many Pods: they pass the restricted Pod Security Standard of the namespace.
func (c cluster) pods(want int) {
	c.Helper()
	harness.Eventually(c.T, c.WriteProgress, func() error {
		pods, err := c.Client.CoreV1().Pods(harness.Namespace).List(c.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(pods.Items) != want {
			return fmt.Errorf("there are %d Pods, want %d", len(pods.Items), want)
		}
		return nil
	})
}

func (c cluster) exists(resource, name string) bool {
	c.Helper()
	command := exec.CommandContext(c.Context(), c.Kubectl(), "--kubeconfig", c.Kubeconfig,
		"--namespace", harness.Namespace, "get", resource, name, "--ignore-not-found", "--output=name")
	out, err := command.Output()
	if err != nil {
		c.Fatalf("kubectl get %s %s: %v", resource, name, err)
	}
	return len(out) > 0
}

func TestLifeOfARelease(t *testing.T) {
	c := newCluster(t)
	c.accepted(placeholder...)
	c.accepted(append(slices.Clone(placeholder), common...)...)

	// The steps follow each other, so that they are no subtests.
	notes := c.helm("install", append([]string{deploy(t, "chart")}, placeholder...)...)
	c.pods(2)
	controller := c.Controller(t)
	c.play(notes, "kubectl create namespace mirrorball-demo")
	c.CreateNamespace(t, "team")
	c.write("team", "one")
	uid := c.replica("team", "source", "one")
	c.playTest()

	c.helm("upgrade", append([]string{deploy(t, "chart"), "--set", "replicas=3,flowSchema.enabled=true",
		"--set", "rules[0].sources[0]=*,rules[0].targets[0]=*,rules[0].allow[0]=push"}, placeholder...)...)
	c.pods(3)
	if !c.exists("flowschema", "mirrorball") || !c.exists("configmap", "mirrorball") {
		t.Error("the upgrade did not create the FlowSchema and the ConfigMap of the rules")
	}
	c.write("team", "two")
	if got := c.replica("team", "source", "two"); got != uid {
		t.Errorf("the replica is another object after the upgrade")
	}

	c.helm("rollback", "1")
	c.pods(2)
	if c.exists("flowschema", "mirrorball") || c.exists("configmap", "mirrorball") {
		t.Error("the rollback left the FlowSchema or the ConfigMap of the rules")
	}
	c.write("team", "three")
	if got := c.replica("team", "source", "three"); got != uid {
		t.Errorf("the replica is another object after the rollback")
	}

	if err := controller.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	c.helm("uninstall")
	for resource, name := range map[string]string{
		"deployment": "mirrorball", "clusterrole": "mirrorball", "serviceaccount": "mirrorball", "role": "mirrorball",
	} {
		if c.exists(resource, name) {
			t.Errorf("helm uninstall left the %s %s", resource, name)
		}
	}
	if got := c.replica("team", "source", "three"); got != uid {
		t.Errorf("the replica is another object after helm uninstall")
	}
	c.play(notes, "kubectl get secrets,configmaps -A")
	_, err := c.Client.CoreV1().Secrets("team").Get(t.Context(), "source", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("the commands of the notes do not remove the replica: %v", err)
	}
}

// play runs the commands of the chart's notes that begin so. Commands are indented, and end with an empty line.
func (c cluster) play(notes, begins string) {
	c.Helper()
	_, after, found := strings.Cut(notes, "\n  "+begins)
	block, _, _ := strings.Cut(after, "\n\n")
	if !found {
		c.Fatalf("the notes have no %q: %s", begins, notes)
	}
	command := exec.CommandContext(c.Context(), "bash", "-euo", "pipefail", "-c", begins+block)
	command.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig,
		"PATH="+filepath.Dir(c.Kubectl())+string(os.PathListSeparator)+os.Getenv("PATH"))
	if out, err := command.CombinedOutput(); err != nil {
		c.Errorf("%s: %v: %s", begins+block, err, out)
	}
}

// playTest runs `helm test`. This test is the kubelet of its Pod: it waits for the Secret, as a kubelet does, runs the
// program with the Pod's arguments, and writes the outcome into the Pod's status.
func (c cluster) playTest() {
	c.Helper()
	ctx, cancel := context.WithCancel(c.Context())
	played := make(chan error, 1)
	go func() { played <- harness.Poll(ctx, c.runPod) }()
	output := c.helm("test", "--timeout", "5m")
	cancel()
	if err := <-played; err != nil {
		c.Errorf("the Pod of helm test: %v", err)
	}
	if !strings.Contains(output, "Succeeded") {
		c.Errorf("helm test says: %s", output)
	}
	harness.Eventually(c.T, c.WriteProgress, func() error {
		_, err := c.Client.CoreV1().Namespaces().Get(c.Context(), testName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("helm test left its namespace"), err)
	})
}

// testName is the name of the namespace, the Secret and the Pod of `helm test`.
const testName = "mirrorball-helm-test"

// runPod returns an error while there is something to wait for.
func (c cluster) runPod(ctx context.Context) error {
	pods := c.Client.CoreV1().Pods(testName)
	pod, err := pods.Get(ctx, testName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	args, err := c.arguments(ctx, pod)
	if err != nil {
		return err
	}
	pod.Status.Phase = corev1.PodSucceeded
	if err := exec.CommandContext(ctx, c.Mirrorball(), args...).Run(); err != nil {
		pod.Status.Phase = corev1.PodFailed
	}
	_, err = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

// arguments are those of the Pod's container, with the variables that come from Secrets filled in.
func (c cluster) arguments(ctx context.Context, pod *corev1.Pod) ([]string, error) {
	container := pod.Spec.Containers[0]
	args := slices.Clone(container.Args)
	for _, variable := range container.Env {
		ref := variable.ValueFrom.SecretKeyRef
		secret, err := c.Client.CoreV1().Secrets(pod.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "$("+variable.Name+")", string(secret.Data[ref.Key]))
		}
	}
	return args, nil
}
