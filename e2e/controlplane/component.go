package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/process"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/wait"
)

// Name names a component; it is also the subcommand of devcluster that runs it.
type Name string

// The components.
const (
	Etcd              Name = "etcd"
	APIServer         Name = "kube-apiserver"
	ControllerManager Name = "kube-controller-manager"
)

const (
	// removeDirEnv tells etcd's process the temporary folder that nobody else can remove once their parent was killed.
	removeDirEnv = "DEVCLUSTER_REMOVE_DIR"
	// pollInterval is how often a file is tried that others may still have.
	pollInterval = 25 * time.Millisecond
	// tailLines is how much of a log an error shows.
	tailLines = 20
)

// errPortTaken says that a component ended because another program listens on its port.
var errPortTaken = errors.New("port already in use")

// Component is one of the control plane's processes.
type Component struct {
	name    Name
	cluster *Cluster
	args    []string
	ready   func(context.Context) error

	mu      sync.Mutex
	process *process.Process
	logFrom int64 // where the log of the present process begins
}

func (c *Cluster) component(name Name, args []string, ready func(context.Context) error) *Component {
	return &Component{name: name, cluster: c, args: args, ready: ready}
}

// Name is the component's name.
func (c *Component) Name() Name { return c.name }

// Log is the file with the component's output; it goes on over restarts.
func (c *Component) Log() string { return filepath.Join(c.cluster.dir, string(c.name)+".log") }

// PID is the id of the component's last process, 0 before the first one.
func (c *Component) PID() int {
	if p := c.current(); p != nil {
		return p.PID()
	}
	return 0
}

// Running says whether the process is there, ready or not.
func (c *Component) Running() bool {
	p := c.current()
	return p != nil && p.Running()
}

func (c *Component) current() *process.Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process
}

// Start starts the component, on the port it had, and waits until it is ready.
func (c *Component) Start(ctx context.Context) error {
	if c.Running() {
		return fmt.Errorf("%s is already running: stop it first, or Restart it", c.name)
	}
	p, err := c.launch()
	if err != nil {
		return err
	}
	if err := c.waitReady(ctx, p); err != nil {
		return errors.Join(err, p.Kill())
	}
	go c.watch(p)
	return nil
}

func (c *Component) launch() (*process.Process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logFrom = 0
	if info, err := os.Stat(c.Log()); err == nil {
		c.logFrom = info.Size()
	}
	spec := process.Spec{
		Path: c.cluster.options.Binary,
		Args: append([]string{string(c.name)}, c.args...),
		Log:  c.Log(),
		Tied: true,
		// A later start in the same folder waits until the last of the processes is gone.
		Files: []*os.File{c.cluster.lock},
	}
	if c.name == Etcd && c.cluster.options.Dir == "" {
		spec.Env = append(spec.Env, removeDirEnv+"="+c.cluster.dir)
	}
	p, err := process.Start(spec)
	if err != nil {
		return nil, err
	}
	c.process = p
	return p, nil
}

// waitReady waits until the component is ready, has ended, or ctx has. It goes on for as long as the log grows.
func (c *Component) waitReady(ctx context.Context, p *process.Process) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-p.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	err := wait.Until(ctx, process.LogProgress(c.Log()), c.ready)
	if err == nil {
		return nil
	}
	if !p.Running() {
		return c.died(p)
	}
	return fmt.Errorf("%s is not ready: %w\n%s", c.name, err, process.Tail(c.Log(), tailLines))
}

// watch reports the process's end, if nobody asked for it.
func (c *Component) watch(p *process.Process) {
	<-p.Done()
	if p.Expected() {
		return
	}
	select {
	case c.cluster.failed <- c.died(p):
	default: // one is enough, and it is not read yet
	}
}

// died describes an end that nobody asked for.
func (c *Component) died(p *process.Process) error {
	cause := p.Err()
	if cause == nil {
		cause = errors.New("exit status 0")
	}
	if c.portTaken() {
		cause = fmt.Errorf("%w: %w", errPortTaken, cause)
	}
	return fmt.Errorf("%s ended unexpectedly: %w; the end of its log:\n%s", c.name, cause,
		process.Tail(c.Log(), tailLines))
}

func (c *Component) portTaken() bool {
	text, err := os.ReadFile(c.Log())
	if err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Contains(string(text[min(c.logFrom, int64(len(text))):]), "address already in use")
}

// Stop ends the component by SIGTERM and waits for its end; when ctx ends first the component is killed, and that is an
// error. The API server may take up to a minute while clients hold on to it.
func (c *Component) Stop(ctx context.Context) error {
	p := c.current()
	if p == nil {
		return nil
	}
	if err := p.Stop(ctx); err != nil {
		return fmt.Errorf("stop %s: %w", c.name, err)
	}
	return nil
}

func (c *Component) stopWithin(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return c.Stop(ctx)
}

// Kill ends the component by SIGKILL, as a crash would, and waits for its end.
func (c *Component) Kill() error {
	p := c.current()
	if p == nil {
		return nil
	}
	if err := p.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", c.name, err)
	}
	return nil
}

// Restart stops the component and starts it again on the same port; it returns when the component is ready.
func (c *Component) Restart(ctx context.Context) error {
	if err := c.stopWithin(c.cluster.stopLimit(c.name)); err != nil && c.Running() {
		return err
	}
	return c.Start(ctx)
}
