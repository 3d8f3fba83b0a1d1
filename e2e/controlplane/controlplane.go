// Package controlplane runs a Kubernetes control plane on this machine: etcd, kube-apiserver and
// kube-controller-manager as child processes on free loopback ports, without containers, root or a network.
//
//	cluster, err := controlplane.Start(ctx, controlplane.Options{Binary: "bin/devcluster"})
//	defer cluster.Stop()
//	client, err := kubernetes.NewForConfig(cluster.AdminConfig())
//
// The three programs are subcommands of one binary (cmd/devcluster), which this package only starts: a test that uses
// it does not link Kubernetes. RBAC is on and anonymous access is off; etcd and the API server accept only client
// certificates and tokens, so that no other user of the machine reads the state.
//
// Each component can be stopped, killed and started again on its own, on the same port. None of them outlives the
// process that called Start, whatever ends it. There are no nodes: Pods stay Pending.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/process"
)

// startAttempts is how many times Start tries other ports after another program took one of its own.
const startAttempts = 5

// Options say what to start. The zero value of all but Binary is good.
type Options struct {
	// Binary is the devcluster program.
	Binary string
	// Dir holds the state: a later Start there goes on with it, under the same ports and authority. Empty is a temporary
	// folder that goes away with the cluster.
	Dir string
	// Log gets a line for each step of the start; nil discards them.
	Log io.Writer
	// Audit logs every request to AuditLog, without its content, but for those of Kubernetes' own components.
	Audit bool
	// Controllers are enabled in kube-controller-manager besides those that manage namespaces, ServiceAccounts, quotas
	// and garbage.
	Controllers []string
	// Nodes adds what a cluster with nodes needs: the controllers of workloads and nodes, and the API server's
	// credentials for the kubelet. The scheduler and the nodes are the caller's.
	Nodes bool
	// APIServerPort is the API server's port; 0 is any free one.
	APIServerPort int
	// APIServerArgs and ControllerManagerArgs are appended to the components' flags.
	APIServerArgs, ControllerManagerArgs []string
}

// Cluster is a control plane that is running. Its methods can be called from several goroutines.
type Cluster struct {
	// Etcd, APIServer and ControllerManager are the components, to be stopped, killed and restarted.
	Etcd, APIServer, ControllerManager *Component

	options Options
	dir     string
	ports   ports
	pki     *pki
	lock    *os.File
	admin   *rest.Config

	stopOnce sync.Once
	stopErr  error
	failed   chan error
}

// Start starts a control plane and returns when it is ready: the API server says so, and the ServiceAccount `default`
// of the namespace `default` exists. When ctx ends before that, nothing is left; later it has no effect.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	if options.Log == nil {
		options.Log = io.Discard
	}
	if _, err := os.Stat(options.Binary); err != nil {
		return nil, fmt.Errorf("the devcluster program is missing, build it by `make devcluster`: %w", err)
	}
	c := &Cluster{options: options, failed: make(chan error, 1)}
	if err := c.prepareDir(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	for attempt := 1; ; attempt++ {
		err := c.start(ctx)
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, errPortTaken) || attempt == startAttempts {
			return nil, errors.Join(err, c.Stop())
		}
		c.logf("a port was taken by another program, trying others")
		if err := errors.Join(c.stopComponents(), c.forgetPorts()); err != nil {
			return nil, errors.Join(err, c.Stop())
		}
	}
}

// start is one attempt, on one set of ports.
func (c *Cluster) start(ctx context.Context) error {
	begin := time.Now()
	if err := c.prepareFiles(); err != nil {
		return err
	}
	c.Etcd = c.component(Etcd, c.etcdArgs(), c.etcdReady)
	c.APIServer = c.component(APIServer, c.apiServerArgs(), c.apiServerReady)
	c.ControllerManager = c.component(ControllerManager, c.controllerManagerArgs(), c.controllerManagerReady)
	for _, component := range c.components() {
		begin := time.Now()
		if err := component.Start(ctx); err != nil {
			return err
		}
		c.logf("%s is ready (%d ms)", component.Name(), time.Since(begin).Milliseconds())
	}
	c.logf("control plane ready after %.1f s", time.Since(begin).Seconds())
	return nil
}

// components are those there are, in the order of their start.
func (c *Cluster) components() []*Component {
	var there []*Component
	for _, component := range []*Component{c.Etcd, c.APIServer, c.ControllerManager} {
		if component != nil {
			there = append(there, component)
		}
	}
	return there
}

// Stop ends the components in the reverse order of their start, by SIGTERM and after a few seconds by SIGKILL, and
// removes the folder if it is a temporary one. Further calls return the same.
func (c *Cluster) Stop() error {
	c.stopOnce.Do(func() {
		c.stopErr = c.stopComponents()
		if c.dir != "" && c.options.Dir == "" {
			if err := os.RemoveAll(c.dir); err != nil {
				c.stopErr = errors.Join(c.stopErr, fmt.Errorf("remove the temporary folder: %w", err))
			}
		}
		if c.lock != nil {
			c.lock.Close()
		}
	})
	return c.stopErr
}

func (c *Cluster) stopComponents() error {
	var errs []error
	for _, component := range []*Component{c.ControllerManager, c.APIServer, c.Etcd} {
		if component == nil {
			continue
		}
		// Only etcd has something to bring home: that the others had to be killed is nobody's trouble.
		err := component.stopWithin(c.stopLimit(component.Name()))
		if err != nil && (component.Name() == Etcd || component.Running()) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// stopLimit is how long a component may take to end by itself.
func (c *Cluster) stopLimit(name Name) time.Duration {
	if name == Etcd {
		return time.Minute // to have it killed is an error, also where the machine is slow
	}
	return 3 * time.Second
}

// Failed gets an error when a component ends that nobody asked to; the error names it and has the end of its log.
func (c *Cluster) Failed() <-chan error { return c.failed }

// Dir is the folder of the state and the logs.
func (c *Cluster) Dir() string { return c.dir }

// URL is the API server's address.
func (c *Cluster) URL() string { return c.ports.apiServerURL() }

// AuditLog is the file that [Options].Audit writes, a JSON object a line.
func (c *Cluster) AuditLog() string { return filepath.Join(c.dir, "audit.log") }

func (c *Cluster) logf(format string, args ...any) {
	fmt.Fprintf(c.options.Log, strings.TrimRight(format, "\n")+"\n", args...)
}

// TieToParent makes a component's process end with the one that started it. cmd/devcluster calls it first of all in
// each component; no other program needs it.
func TieToParent() {
	process.TieToParent(func() {
		if dir := os.Getenv(removeDirEnv); dir != "" {
			removeAll(dir)
		}
	})
}
