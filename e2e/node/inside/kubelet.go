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

// kubeletPort is the port at which the API server asks a kubelet for logs, and kubeletHealth the one of its health.
const (
	kubeletPort   = "10250"
	kubeletHealth = "127.0.0.1:10248"
)

// kubeletConfig is the KubeletConfiguration of a node. It reserves and evicts nothing, since the machine is not the
// node's own.
func (s *supervisor) kubeletConfig(number int) map[string]any {
	return map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",

		"address":      node.NameOf(number),
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
		"podLogsDir":          filepath.Join(s.spec.Dir, numbered("pods", number)),
		"volumePluginDir":     "/var/lib/kubelet-plugins",
		"serializeImagePulls": false,
		"maxPods":             250,
	}
}

// kubeletFile is a file of a node's kubelet, in the cluster's folder: the first node writes those of all nodes.
func (s *supervisor) kubeletFile(number int, suffix string) string {
	return filepath.Join(s.spec.Dir, numbered("kubelet", number)+suffix)
}

// prepareKubelet writes the configuration and the credentials of a node's kubelet.
func (s *supervisor) prepareKubelet(number int) error {
	text, err := json.Marshal(s.kubeletConfig(number))
	if err != nil {
		return err
	}
	if err := writeFile(s.kubeletFile(number, ".yaml"), string(text)); err != nil {
		return err
	}
	_, err = s.kubeconfig(numbered("kubelet", number), "system:node:"+node.NameOf(number), "system:nodes")
	return err
}

// startKubelet starts the kubelet of this node, and returns when the node is ready for Pods. A further node returns
// when its kubelet answers: the first one waits for the node.
func (s *supervisor) startKubelet(ctx context.Context) error {
	ready := func(context.Context) error { return dial("tcp", kubeletHealth) }
	if s.control != nil {
		ready = s.nodeReady(s.number)
	}
	return s.run(ctx, component{
		name: "kubelet",
		spec: process.Spec{Path: s.spec.Programs.Devnode, Tied: true, Args: []string{
			"kubelet", "--config=" + s.kubeletFile(s.number, ".yaml"),
			"--kubeconfig=" + s.kubeletFile(s.number, ".kubeconfig"),
			"--hostname-override=" + node.NameOf(s.number),
			"--root-dir=/var/lib/kubelet", "--cert-dir=/var/lib/kubelet-pki",
		}},
		ready: ready,
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

// nodeReady returns a check of whether a node is ready for Pods.
func (s *supervisor) nodeReady(number int) func(context.Context) error {
	return func(ctx context.Context) error {
		client, err := kubernetes.NewForConfig(s.control.AdminConfig())
		if err != nil {
			return err
		}
		there, err := client.CoreV1().Nodes().Get(ctx, node.NameOf(number), metav1.GetOptions{})
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
}
