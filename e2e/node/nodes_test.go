package node_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/screen"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
	"github.com/mirrorball-dev/mirrorball/e2e/node/guide"
	"github.com/mirrorball-dev/mirrorball/e2e/node/pods"
)

// TestTwoNodes: the two Pods of Mirrorball run on two nodes, and the second node runs private images, too.
func TestTwoNodes(t *testing.T) {
	if err := node.Check(); err != nil {
		t.Skip(err)
	}
	harness.TakeSlots(t, 1)
	before := machine(t)
	show := &screen.Screen{Out: os.Stdout}
	cluster, err := node.Start(t.Context(), node.Options{Nodes: 2, Log: show.Faint()})
	if err != nil {
		t.Fatal(err)
	}
	dir := cluster.Dir()
	t.Run("run Pods", func(t *testing.T) { runOnBoth(t, cluster, show) })
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	if pids := harness.ProcessesWith(t, dir); len(pids) > 0 {
		t.Errorf("the processes %v are still there", pids)
	}
	if after := machine(t); after != before {
		t.Errorf("the machine is another one than before:\n%s\nbefore:\n%s", after, before)
	}
}

func runOnBoth(t *testing.T, cluster *node.Cluster, show *screen.Screen) {
	t.Helper()
	client, err := kubernetes.NewForConfig(cluster.Config())
	if err != nil {
		t.Fatal(err)
	}
	steps, err := guide.New(cluster, show)
	if err != nil {
		t.Fatal(err)
	}
	if err := steps.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := client.CoreV1().Pods(harness.Namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, pod := range list.Items {
		used[pod.Spec.NodeName] = true
	}
	if !used[node.NameOf(1)] || !used[node.NameOf(2)] {
		t.Errorf("the Pods of Mirrorball run on %v, want one on each node", used)
	}

	const namespace, name = "default", "private"
	hub := cluster.Registry(node.DockerHub)
	config, err := node.DockerConfig(hub)
	if err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: hub.Name}, Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(config)},
	}
	if _, err := client.CoreV1().Secrets(namespace).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			NodeName:         node.NameOf(2),
			ImagePullSecrets: []corev1.LocalObjectReference{{Name: hub.Name}},
			Containers:       []corev1.Container{{Name: "app", Image: guide.App(hub)}},
		},
	}
	if _, err := client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	// The API server asks the kubelet of the second node for the logs.
	harness.Eventually(t, harness.FolderProgress(cluster.Dir()), func() error {
		now, err := client.CoreV1().Pods(namespace).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if !pods.Running(now) {
			return fmt.Errorf("the Pod is %s %s", now.Status.Phase, pods.Waiting(now))
		}
		logs, err := client.CoreV1().Pods(namespace).GetLogs(name, &corev1.PodLogOptions{}).DoRaw(t.Context())
		if err == nil && !strings.Contains(string(logs), "the private image runs") {
			err = errors.New("the logs of the Pod do not say that it runs")
		}
		return err
	})
}
