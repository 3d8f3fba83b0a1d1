package controlplane_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mirrorball-dev/mirrorball/e2e/controlplane"
	"github.com/mirrorball-dev/mirrorball/e2e/harness"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
)

// start starts a control plane for a test, which has to hold a slot for it.
func start(t *testing.T, options controlplane.Options) *controlplane.Cluster {
	t.Helper()
	options.Binary = devcluster(t)
	cluster, err := controlplane.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

func devcluster(t *testing.T) string {
	t.Helper()
	path, err := repo.Program("devcluster", "devcluster")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func client(t *testing.T, cluster *controlplane.Cluster) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(cluster.AdminConfig())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func pids(cluster *controlplane.Cluster) []int {
	return []int{cluster.Etcd.PID(), cluster.APIServer.PID(), cluster.ControllerManager.PID()}
}

func running(pid int) bool { return syscall.Kill(pid, 0) == nil }

func wantGone(t *testing.T, pids []int) {
	t.Helper()
	harness.Eventually(t, nil, func() error {
		for _, pid := range pids {
			if running(pid) {
				return fmt.Errorf("the process %d is still there", pid)
			}
		}
		return nil
	})
}

func wantNoFolder(t *testing.T, dir string) {
	t.Helper()
	harness.Eventually(t, nil, func() error {
		if _, err := os.Stat(dir); err == nil {
			return fmt.Errorf("%s is still there", dir)
		}
		return nil
	})
}

func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	harness.TakeSlots(t, 2)
	first := start(t, controlplane.Options{})
	second := start(t, controlplane.Options{})
	if first.URL() == second.URL() || first.Dir() == second.Dir() {
		t.Fatalf("both are at %s, in %s", first.URL(), first.Dir())
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "only-in-the-first"}}
	_, err := client(t, first).CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client(t, second).CoreV1().Namespaces().Get(t.Context(), namespace.Name, metav1.GetOptions{})
	if err == nil {
		t.Error("the second control plane has the first one's state")
	}
	all := append(pids(first), pids(second)...)
	if err := first.Stop(); err != nil {
		t.Error(err)
	}
	if err := second.Stop(); err != nil {
		t.Error(err)
	}
	wantGone(t, all)
	wantNoFolder(t, first.Dir())
}

// TestCredentials: nobody gets in without credentials.
func TestCredentials(t *testing.T) {
	t.Parallel()
	harness.TakeSlots(t, 1)
	cluster := start(t, controlplane.Options{})
	config := cluster.AdminConfig()
	config.CertData, config.KeyData = nil, nil
	anonymous, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	err = anonymous.Discovery().RESTClient().Get().AbsPath("/version").Do(t.Context()).Error()
	if !apierrors.IsUnauthorized(err) {
		t.Errorf("an anonymous request got %v, want the status 401", err)
	}
	nobody, err := cluster.ClientConfig("nobody")
	if err != nil {
		t.Fatal(err)
	}
	powerless, err := kubernetes.NewForConfig(nobody)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := powerless.CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{}); err == nil {
		t.Error("a user without a role can list Secrets: RBAC is off")
	}
}

// TestRestart: components come back on their ports.
func TestRestart(t *testing.T) {
	t.Parallel()
	harness.TakeSlots(t, 1)
	cluster := start(t, controlplane.Options{})
	client := client(t, cluster)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kept"}}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, component := range []*controlplane.Component{cluster.Etcd, cluster.APIServer, cluster.ControllerManager} {
		before := component.PID()
		if err := component.Kill(); err != nil {
			t.Fatal(err)
		}
		if component.Running() || running(before) {
			t.Fatalf("%s is running after Kill", component.Name())
		}
		if err := component.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := component.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, nil, func() error {
			_, err := client.CoreV1().Namespaces().Get(t.Context(), namespace.Name, metav1.GetOptions{})
			return err
		})
	}
	select {
	case err := <-cluster.Failed():
		t.Errorf("an end that was asked for is reported as a failure: %v", err)
	default:
	}
}

// TestDeadComponent: a component that dies is reported.
func TestDeadComponent(t *testing.T) {
	t.Parallel()
	harness.TakeSlots(t, 1)
	cluster := start(t, controlplane.Options{})
	if err := syscall.Kill(cluster.ControllerManager.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	err := harness.Receive(t, nil, cluster.Failed(), "the end of the component is not reported")
	if !strings.Contains(err.Error(), "kube-controller-manager ended unexpectedly") {
		t.Errorf("the error does not name the component: %v", err)
	}
}

// TestFolder: a control plane is continued in the folder that it left.
func TestFolder(t *testing.T) {
	t.Parallel()
	harness.TakeSlots(t, 1)
	dir := filepath.Join(t.TempDir(), "state")
	first := start(t, controlplane.Options{Dir: dir})
	oldClient := client(t, first)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kept"}}
	if _, err := oldClient.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := controlplane.Start(t.Context(), controlplane.Options{Binary: devcluster(t), Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "another devcluster is running") {
		t.Errorf("a second start in the same folder says %v", err)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	second := start(t, controlplane.Options{Dir: dir})
	if first.URL() != second.URL() {
		t.Errorf("the address was %s and is %s", first.URL(), second.URL())
	}
	if _, err := oldClient.CoreV1().Namespaces().Get(t.Context(), namespace.Name, metav1.GetOptions{}); err != nil {
		t.Errorf("the first start's credentials and state don't go on: %v", err)
	}
}

// TestUpLeavesNothing ends `devcluster up` in each way there is.
func TestUpLeavesNothing(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{
		"after SIGTERM": syscall.SIGTERM,
		"after SIGINT":  syscall.SIGINT,
		"after SIGKILL": syscall.SIGKILL,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness.TakeSlots(t, 1)
			temporary := t.TempDir()
			kubeconfig := filepath.Join(temporary, "kubeconfig")
			var out bytes.Buffer
			command := exec.Command(devcluster(t), "up", "--kubeconfig", kubeconfig)
			// Whatever it leaves is in here, and its processes can be told from others by the path in their arguments.
			command.Env = append(os.Environ(), "TMPDIR="+temporary)
			command.Stdout, command.Stderr = &out, &out
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- command.Wait() }()
			t.Cleanup(func() { _ = command.Process.Kill() })

			progress := harness.FolderProgress(temporary)
			harness.Eventually(t, progress, func() error { return answers(t, kubeconfig) })
			children := harness.ProcessesWith(t, temporary)
			if len(children) < 4 {
				t.Fatalf("found the processes %v, want `up` and three components", children)
			}
			if err := command.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			err := harness.Receive(t, progress, ended, "`devcluster up` does not end")
			if signal != syscall.SIGKILL && err != nil {
				t.Errorf("it ended with %v, want exit code 0\n%s", err, out.String())
			}
			harness.Eventually(t, progress, func() error {
				if remaining := harness.ProcessesWith(t, temporary); len(remaining) > 0 {
					return fmt.Errorf("the processes %v are still there", remaining)
				}
				return nil
			})
			harness.Eventually(t, progress, func() error {
				remaining, err := filepath.Glob(filepath.Join(temporary, "devcluster-*"))
				if len(remaining) > 0 {
					return fmt.Errorf("folders left: %v", remaining)
				}
				return err
			})
		})
	}
}

func answers(t *testing.T, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	_, err = client.CoreV1().ServiceAccounts("default").Get(t.Context(), "default", metav1.GetOptions{})
	return err
}
