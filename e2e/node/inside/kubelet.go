//go:build linux

package inside

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/mirrorball-dev/mirrorball/e2e/controlplane"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/process"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

// kubeletConfig is the KubeletConfiguration. It reserves and evicts nothing, since the machine is not the node's own.
func (s *supervisor) kubeletConfig() map[string]any {
	return map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",

		"address":      node.Name,
		"readOnlyPort": 0,
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false},
			"x509":      map[string]any{"clientCAFile": s.control.AuthorityFile()},
		},
		"authorization": map[string]any{"mode": "Webhook"},

		"containerRuntimeEndpoint": "unix://" + containerdSocket,
		"cgroupDriver":             "cgroupfs",
		"cgroupRoot":               "/" + s.spec.Cgroup,
		"cgroupsPerQOS":            false,
		"enforceNodeAllocatable":   []string{},
		"failCgroupV1":             false,
		"failSwapOn":               false,

		"evictionHard":                  map[string]string{},
		"imageGCHighThresholdPercent":   100,
		"imageGCLowThresholdPercent":    99,
		"localStorageCapacityIsolation": false,

		"clusterDNS":          []string{"10.0.0.10"}, // nobody answers there
		"clusterDomain":       "cluster.local",
		"resolvConf":          "",
		"podLogsDir":          filepath.Join(s.spec.Dir, "pods"),
		"volumePluginDir":     "/var/lib/kubelet-plugins",
		"serializeImagePulls": false,
		"maxPods":             250,
	}
}

// startKubelet starts the kubelet, and returns when the node is ready for Pods.
func (s *supervisor) startKubelet(ctx context.Context) error {
	text, err := json.Marshal(s.kubeletConfig())
	if err != nil {
		return err
	}
	if err := writeFile("/run/kubelet.yaml", string(text)); err != nil {
		return err
	}
	kubeconfig, err := s.kubeconfig("kubelet", "system:node:"+node.Name, "system:nodes")
	if err != nil {
		return err
	}
	return s.run(ctx, component{
		name: "kubelet",
		spec: process.Spec{Path: s.spec.Programs.Devnode, Tied: true, Args: []string{
			"kubelet", "--config=/run/kubelet.yaml", "--kubeconfig=" + kubeconfig, "--hostname-override=" + node.Name,
			"--root-dir=/var/lib/kubelet", "--cert-dir=/var/lib/kubelet-pki",
		}},
		ready: s.nodeReady,
	})
}

func (s *supervisor) startScheduler(ctx context.Context) error {
	kubeconfig, err := s.kubeconfig("kube-scheduler", "system:kube-scheduler")
	if err != nil {
		return err
	}
	return s.run(ctx, component{
		name: "kube-scheduler",
		spec: process.Spec{Path: s.spec.Programs.Devnode, Tied: true, Args: []string{
			"kube-scheduler", "--kubeconfig=" + kubeconfig, "--leader-elect=false", "--bind-address=" + node.Name,
			"--authentication-skip-lookup", "--profiling=false",
		}},
		ready: func(context.Context) error { return dial("tcp", node.Name+":10259") },
	})
}

// kubeconfig writes the credentials of a component.
func (s *supervisor) kubeconfig(name, user string, groups ...string) (string, error) {
	config, err := s.control.ClientConfig(user, groups...)
	if err != nil {
		return "", err
	}
	path := filepath.Join(s.spec.Dir, name+".kubeconfig")
	return path, controlplane.WriteKubeconfig(path, config)
}

func (s *supervisor) nodeReady(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(s.control.AdminConfig())
	if err != nil {
		return err
	}
	there, err := client.CoreV1().Nodes().Get(ctx, node.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, condition := range there.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
			return nil
		}
	}
	return errors.New("the node is not Ready yet")
}
