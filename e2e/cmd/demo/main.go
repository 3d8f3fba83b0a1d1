// Command demo starts a real control plane and the controller on this machine and plays the README's story on it, a
// line for each step. With --stay it leaves both running, to be tried by hand.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// exitInterrupted is the shell's convention for Ctrl-C.
const exitInterrupted = 130

func main() {
	stay := flag.Bool("stay", false, "leave the control plane and the controller running until Ctrl-C")
	flag.Parse()

	// The first Ctrl-C ends the demo in order; a second one ends it at once, and its children with it.
	ctx, restore := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, restore)

	err := run(ctx, os.Stdout, *stay)
	switch {
	case ctx.Err() != nil && *stay:
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "\ninterrupted; nothing is left running")
		os.Exit(exitInterrupted)
	case err != nil:
		fmt.Fprintf(os.Stderr, "\n✗ %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, stay bool) (err error) {
	screen := &screen{out: out}
	screen.title("Mirrorball on a real Kubernetes API server, on this machine: no containers, no root, no network")

	begin := time.Now()
	system, err := harness.Start(ctx, harness.Options{Log: screen.faint()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, system.Close()) }()
	screen.done("control plane up, RBAC and all", time.Since(begin))

	begin = time.Now()
	controller, err := system.StartController(ctx)
	if err != nil {
		return err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), harness.StopLimit)
		defer cancel()
		err = errors.Join(err, controller.Stop(stopping))
	}()
	screen.done("mirrorball up, with the rights of deploy/ and no more", time.Since(begin))

	story, err := newStory(ctx, system, controller, screen)
	if err != nil {
		return err
	}
	if err := story.tell(ctx, stay); err != nil {
		return fmt.Errorf("%w\n\nThe end of the controller's log:\n%s", err, controller.LogTail())
	}
	if !stay {
		screen.title("That is all of it. `make run` starts the same and stays, for you to try.")
		return nil
	}
	return waitUntilTold(ctx, screen, system, controller)
}

// waitUntilTold keeps everything running until Ctrl-C, or until something of it ends by itself.
func waitUntilTold(ctx context.Context, screen *screen, system *harness.System, controller *harness.Controller) error {
	screen.title("It stays now. In another terminal:")
	fmt.Fprintf(screen.out, `
  export KUBECONFIG=%s
  export PATH=%s:$PATH

  kubectl get secrets -A -l mirrorball.dev/replica
  kubectl create namespace team-yours && kubectl -n team-yours get secrets
  kubectl -n infra annotate secret regcred reflector.v1.k8s.emberstack.com/reflection-auto-enabled-

  the controller's log      %s
  its health and metrics    %s

Ctrl-C ends it.
`, system.Kubeconfig, binDir(system), controller.LogFile(), controller.URL())
	select {
	case <-ctx.Done():
		fmt.Fprintln(screen.out, "\nstopping")
		return nil
	case err := <-system.Cluster.Failed():
		return err
	case <-controller.Done():
		return fmt.Errorf("the controller ended by itself; the end of its log:\n%s", controller.LogTail())
	}
}
