// Package node runs a whole cluster on one Linux machine, without Docker: a control plane, a kubelet with containerd, a
// scheduler, and registries with and without passwords.
//
//	cluster, err := node.Start(ctx, node.Options{})
//	defer cluster.Stop()
//	client, err := kubernetes.NewForConfig(cluster.Config())
//
// Everything runs in a mount, a network and a PID namespace of its own (package inside): the machine's own network,
// mounts and kernel settings stay as they are, and when the first process in there ends, the kernel ends the others.
// Addresses are the same inside and outside: for the API server and for each registry there is a listener on this
// machine's loopback address, whose connections are forwarded into the namespaces.
//
// It needs root, and containerd, runc, the CNI plugins and docker-registry as Debian packages them. [Check] says what
// is missing.
package node

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
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/cgroup"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/process"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/wait"
)

const (
	// Name is the first node's name in the cluster, and the address at which its components listen.
	Name = "127.0.0.1"
	// MaxNodes is how many nodes a cluster can have. Each takes some 200 MB.
	MaxNodes = 4
	// stopLimit is how long the cluster may take to end by itself.
	stopLimit = time.Minute
	// tailLines is how much of a log an error shows.
	tailLines = 20
	// temporaryPrefix begins the name of a folder that goes away with its cluster.
	temporaryPrefix = "devcluster-node-"
)

// Options say what to start. The zero value is good.
type Options struct {
	// Dir holds the state of the control plane, and the logs. Empty is a temporary folder that goes away with the cluster.
	Dir string
	// Log gets a line for each step of the start; nil discards them.
	Log io.Writer
	// Nodes is how many nodes there are; 0 is one.
	Nodes int
	// Audit logs every request, without its content, to audit.log in the folder.
	Audit bool
}

// Cluster is a cluster with one node that is running.
type Cluster struct {
	options Options
	spec    Spec
	process *process.Process
	admin   *rest.Config

	stopOnce sync.Once
	stopErr  error
}

// Start starts a cluster and returns when its node is ready. When ctx ends before that, nothing is left; later it
// has no effect.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	if options.Log == nil {
		options.Log = io.Discard
	}
	if err := Check(); err != nil {
		return nil, err
	}
	if options.Nodes < 0 || options.Nodes > MaxNodes {
		return nil, fmt.Errorf("%d nodes: a cluster on one machine has 1 to %d", options.Nodes, MaxNodes)
	}
	c := &Cluster{options: options}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	if err := c.prepareDir(); err != nil {
		return err
	}
	var err error
	if c.spec.Programs, err = findPrograms(); err != nil {
		return err
	}
	c.spec.Cgroup = filepath.Base(c.spec.Dir)
	c.spec.Audit = c.options.Audit
	c.spec.Nodes = max(1, c.options.Nodes)
	c.spec.Registries = newRegistries()
	listeners, err := c.listen()
	if err != nil {
		return err
	}
	defer closeAll(listeners) // the child has its own descriptors
	if err := c.spec.write(); err != nil {
		return err
	}
	report, reported, err := os.Pipe()
	if err != nil {
		return err
	}
	defer report.Close()
	c.process, err = process.Start(process.Spec{
		Path:     c.spec.Programs.Devnode,
		Args:     []string{"init", c.spec.Dir},
		Log:      c.log(),
		Tied:     true,
		Files:    append([]*os.File{reported}, listeners...),
		Isolated: true,
	})
	reported.Close()
	if err != nil {
		return fmt.Errorf("start the node in namespaces of its own: %w", err)
	}
	if err := c.waitReady(ctx, report); err != nil {
		return err
	}
	c.admin, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return err
	}
	c.admin.QPS = -1
	return nil
}

// prepareDir makes the folder, for root alone.
func (c *Cluster) prepareDir() (err error) {
	if c.options.Dir == "" {
		c.spec.Dir, err = os.MkdirTemp("", temporaryPrefix)
		c.spec.Temporary = true
		return err
	}
	if c.spec.Dir, err = filepath.Abs(c.options.Dir); err != nil {
		return err
	}
	if err := checkVisible(c.spec.Dir); err != nil {
		return err
	}
	return os.MkdirAll(c.spec.Dir, 0o700)
}

// waitReady passes the lines of the start on, until the node is ready, has ended, or ctx has.
func (c *Cluster) waitReady(ctx context.Context, report io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan struct{})
	go c.passOn(report, ready)
	go func() {
		select {
		case <-c.process.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	err := wait.Until(ctx, c.progress, func(context.Context) error {
		select {
		case <-ready:
			return nil
		default:
			return errors.New("the node is not ready")
		}
	})
	if err != nil && !c.process.Running() {
		err = errors.New("the node ended while it started")
	}
	if err != nil {
		return fmt.Errorf("%w; the end of its log:\n%s", err, process.Tail(c.log(), tailLines))
	}
	return nil
}

// progress describes how far the start has come by the size of all logs.
func (c *Cluster) progress(ctx context.Context) string {
	logs, err := filepath.Glob(filepath.Join(c.spec.Dir, "*.log"))
	if err != nil {
		return err.Error()
	}
	var state strings.Builder
	for _, log := range logs {
		state.WriteString(process.LogProgress(log)(ctx) + "\n")
	}
	return state.String()
}

// Stop ends the cluster, and removes its folder if it is a temporary one. Further calls return the same.
func (c *Cluster) Stop() error {
	c.stopOnce.Do(func() {
		if c.process != nil {
			c.stopErr = c.process.StopWithin(stopLimit)
		}
		// The first process does this only where this one was killed.
		c.stopErr = errors.Join(c.stopErr, c.spec.RemoveTraces())
	})
	return c.stopErr
}

// Done is closed when the cluster has ended.
func (c *Cluster) Done() <-chan struct{} { return c.process.Done() }

// Failure describes an end that nobody asked for.
func (c *Cluster) Failure() error {
	return fmt.Errorf("the node ended unexpectedly; the end of its log:\n%s", process.Tail(c.log(), tailLines))
}

// Dir is the folder of the state and the logs.
func (c *Cluster) Dir() string { return c.spec.Dir }

// Config is a client's configuration that may do everything. It is the caller's own copy.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.admin) }

// Kubeconfig is the file with the administrator's credentials.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.spec.Dir, "admin.kubeconfig") }

// Registry returns the registry of this name.
func (c *Cluster) Registry(name string) *Registry { return c.spec.Registry(name) }

// log is the output of the processes that start and end the others.
func (c *Cluster) log() string { return filepath.Join(c.spec.Dir, "node.log") }

// RemoveTraces removes what outlives the processes: control groups and, if it is temporary, the folder.
func (s Spec) RemoveTraces() error {
	var errs []error
	if s.Cgroup != "" {
		errs = append(errs, cgroup.Remove(s.Cgroup))
	}
	if s.Temporary && s.Dir != "" {
		errs = append(errs, os.RemoveAll(s.Dir))
	}
	return errors.Join(errs...)
}
