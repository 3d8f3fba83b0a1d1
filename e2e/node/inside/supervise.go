//go:build linux

package inside

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/mirrorball-dev/mirrorball/e2e/controlplane"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/process"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/wait"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

// tailLines is how much of a log an error shows.
const tailLines = 20

// supervisor starts the components of a node.
type supervisor struct {
	spec node.Spec
	// number is that of the node, counted from 1. Only the first one has a control plane.
	number  int
	report  node.Reporter
	control *controlplane.Cluster
	failed  chan error
}

// component is a program that runs until the node ends.
type component struct {
	name  string
	spec  process.Spec
	ready func(context.Context) error
	// started is called before it is waited for; nil does nothing.
	started func(*process.Process) error
}

// Supervise starts the components of the node in this folder, and returns when SIGTERM says so or one of them fails.
// Init ends the others.
func Supervise(dir string) (err error) {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	spec, err := node.ReadSpec(dir)
	if err != nil {
		return err
	}
	inherited := inheritedFiles(firstOfSupervisor, 1+len(spec.Ports()))
	s := &supervisor{spec: spec, number: 1, report: node.Reporter{Out: inherited[0]}, failed: make(chan error, 1)}
	err = s.start(ctx, inherited[1:])
	if s.control != nil {
		defer func() { err = errors.Join(err, s.control.Stop()) }()
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil // asked to end while starting
		}
		return err
	}
	s.report.Ready()
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	case err := <-s.control.Failed():
		return err
	}
}

// start starts everything, in the order of need.
func (s *supervisor) start(ctx context.Context, listeners []*os.File) error {
	for _, step := range []func(context.Context) error{
		func(context.Context) error { return setUpNetwork() },
		s.startRegistries,
		s.startContainerd,
		s.startControlPlane,
		s.startScheduler,
		func(context.Context) error { return s.prepareKubelet(1) },
		s.startKubelet,
		s.startWorkers,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return s.forward(listeners)
}

func (s *supervisor) startControlPlane(ctx context.Context) (err error) {
	s.control, err = controlplane.Start(ctx, controlplane.Options{
		Binary:        s.spec.Programs.Devcluster,
		Dir:           s.spec.Dir,
		Log:           s.report.Out,
		Audit:         s.spec.Audit,
		Nodes:         true,
		APIServerPort: s.spec.APIServerPort,
	})
	return err
}

// forward passes on what arrives at the inherited listeners, and what Pods send to the Service `kubernetes`.
func (s *supervisor) forward(files []*os.File) error {
	service, err := net.Listen("tcp", net.JoinHostPort(serviceIP, "443"))
	if err != nil {
		return err
	}
	go forward(service, to(address(s.spec.APIServerPort)))
	for i, port := range s.spec.Ports() {
		listener, err := net.FileListener(files[i])
		if err != nil {
			return err
		}
		files[i].Close() // the listener has a descriptor of its own
		go forward(listener, to(address(port)))
	}
	return nil
}

// run starts a component, and returns when it is ready. When it ends, the node has failed.
func (s *supervisor) run(ctx context.Context, c component) error {
	begin := time.Now()
	c.spec.Log = filepath.Join(s.spec.Dir, numbered(c.name, s.number)+".log")
	p, err := process.Start(c.spec)
	if err != nil {
		return err
	}
	if c.started != nil {
		if err := c.started(p); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		<-p.Done()
		cancel()
		select {
		case s.failed <- fmt.Errorf("%s ended: %w\n%s", c.name, p.Err(), process.Tail(c.spec.Log, tailLines)):
		default: // one is enough
		}
	}()
	if err := wait.Until(ctx, process.LogProgress(c.spec.Log), c.ready); err != nil {
		return fmt.Errorf("%s is not ready: %w\n%s", c.name, err, process.Tail(c.spec.Log, tailLines))
	}
	s.report.Logf("%s is ready (%d ms)", c.name, time.Since(begin).Milliseconds())
	return nil
}

// numbered is a name of the first node's, or the same one of a further node's.
func numbered(name string, number int) string {
	if number == 1 {
		return name
	}
	return fmt.Sprintf("%s-%d", name, number)
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// dial reports whether somebody listens at an address.
func dial(network, address string) error {
	connection, err := net.Dial(network, address)
	if err != nil {
		return err
	}
	return connection.Close()
}
