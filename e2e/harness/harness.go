// Package harness is what the end-to-end tests and the demo share: a control plane with Mirrorball's own objects from
// deploy/ in it, and the controller as a child process with exactly the rights that deploy/ grants it.
//
//	system, err := harness.Start(ctx, harness.Options{})
//	defer system.Close()
//	controller, err := system.StartController(ctx, "--source-delete-grace=2s")
//	defer controller.Stop(ctx)
//
// A package's tests share one System, made in TestMain, and one controller on it: each test works in namespaces of its
// own (Prefix, CreateNamespace), waits for conditions (Eventually) and shows that nothing happened by resourceVersions
// that did not change (Unmoved). A test that restarts the controller or gives it other flags makes its own System
// (OwnSystem), since two controllers on one cluster would both act.
//
// Tests have to pass on a slow machine that is busy with other things. So they wait on progress and not on the clock
// (Eventually), and all test processes together run no more control planes than the machine has cores (Slots).
package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mirrorball-dev/mirrorball/e2e/controlplane"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
)

// Mirrorball's own namespace and ServiceAccount, as deploy/ names them, and the user that the API server sees.
const (
	Namespace      = "mirrorball-system"
	ServiceAccount = "mirrorball"
	User           = "system:serviceaccount:" + Namespace + ":" + ServiceAccount
)

// mirrorballEnv names another controller than bin/mirrorball, such as one with the race detector in it.
const mirrorballEnv = "MIRRORBALL"

// Options say what a System is made of. The zero value is a control plane of its own with deploy/kustomize/base.
type Options struct {
	// Kubeconfig connects to a cluster that is there already, instead of starting one.
	Kubeconfig string
	// Dir is the control plane's folder; empty is a temporary one.
	Dir string
	// Manifests is the kustomize folder to install; empty is the checkout's deploy/kustomize/base.
	Manifests string
	// Components are those of deploy/kustomize to install beside it, such as Cage.
	Components []string
	// Log gets a line for each step; nil discards them.
	Log io.Writer
	// ControlPlane is for what else the control plane is to be given; its Binary, Dir and Log are set here.
	ControlPlane controlplane.Options
}

// System is a cluster that Mirrorball can run on.
type System struct {
	// Cluster is the control plane that Start started; nil where it connected to one.
	Cluster *controlplane.Cluster
	// Config, Client and Dynamic act as the administrator.
	Config  *rest.Config
	Client  kubernetes.Interface
	Dynamic dynamic.Interface
	// Kubeconfig is a file with the administrator's credentials.
	Kubeconfig string

	options    Options
	dir        string // for credentials and logs
	mirrorball string
	kubectl    string
	markers    markers
	probed     int // what the cage refused while the policies were waited for

	mu          sync.Mutex
	controllers []*Controller // that were started, ended ones included
}

// Start starts a control plane, or connects to one, and installs Mirrorball's objects: all but its Deployment.
func Start(ctx context.Context, options Options) (_ *System, err error) {
	s := &System{options: options}
	if err := s.findPrograms(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	if err := s.makeDir(); err != nil {
		return nil, fmt.Errorf("make a folder for credentials and logs: %w", err)
	}
	if s.Client, err = kubernetes.NewForConfig(s.Config); err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	if s.Dynamic, err = dynamic.NewForConfig(s.Config); err != nil {
		return nil, fmt.Errorf("make a dynamic client: %w", err)
	}
	if err := s.install(ctx); err != nil {
		return nil, fmt.Errorf("install Mirrorball's objects: %w", err)
	}
	return s, nil
}

func (s *System) findPrograms() (err error) {
	if s.mirrorball = os.Getenv(mirrorballEnv); s.mirrorball == "" {
		if s.mirrorball, err = repo.Program("mirrorball", "build"); err != nil {
			return err
		}
	}
	if s.kubectl, err = repo.Program("kubectl", "devcluster"); err != nil {
		return err
	}
	if s.options.Manifests == "" {
		root, err := repo.Root()
		if err != nil {
			return err
		}
		s.options.Manifests = filepath.Join(root, "deploy", "kustomize", "base")
	}
	return nil
}

// connect sets Config and Kubeconfig.
func (s *System) connect(ctx context.Context) (err error) {
	if s.options.Kubeconfig != "" {
		s.Kubeconfig = s.options.Kubeconfig
		if s.Config, err = clientcmd.BuildConfigFromFlags("", s.Kubeconfig); err != nil {
			return fmt.Errorf("read the kubeconfig: %w", err)
		}
		s.Config.QPS = -1
		return nil
	}
	options := s.options.ControlPlane
	options.Dir, options.Log = s.options.Dir, s.options.Log
	if options.Binary, err = repo.Program("devcluster", "devcluster"); err != nil {
		return err
	}
	if s.Cluster, err = controlplane.Start(ctx, options); err != nil {
		return fmt.Errorf("start a control plane: %w", err)
	}
	s.Kubeconfig = s.Cluster.Kubeconfig()
	s.Config = s.Cluster.AdminConfig()
	return nil
}

// makeDir makes the folder for credentials and logs: in the control plane's, which goes whatever ends this process.
func (s *System) makeDir() (err error) {
	if s.Cluster == nil {
		s.dir, err = os.MkdirTemp("", "mirrorball-e2e-")
		return err
	}
	s.dir = filepath.Join(s.Cluster.Dir(), "mirrorball")
	return os.MkdirAll(s.dir, 0o700)
}

// Close ends the control plane, if Start started it. Controllers are ended by those who started them.
func (s *System) Close() error {
	var errs []error
	if s.Cluster != nil {
		errs = append(errs, s.Cluster.Stop())
	}
	if s.Cluster == nil && s.dir != "" {
		errs = append(errs, s.dropMarkers(context.Background()), os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// started are the controllers that were started, ended ones included.
func (s *System) started() []*Controller {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.controllers)
}

// addController adds one to those that were started, and returns its number.
func (s *System) addController(c *Controller) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.controllers = append(s.controllers, c)
	return len(s.controllers)
}

// Mirrorball is the path of the controller's program, whose other commands can be run with Kubeconfig.
func (s *System) Mirrorball() string { return s.mirrorball }

// Kubectl is the path of kubectl.
func (s *System) Kubectl() string { return s.kubectl }

// applyOptions are those of everything that is installed.
var applyOptions = metav1.ApplyOptions{FieldManager: "mirrorball-e2e", Force: true}
