// Command demo starts a real control plane and the controller on this machine, and shows the features of the README
// step by step. With --stay it leaves both running for manual tests.
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
	"github.com/mirrorball-dev/mirrorball/e2e/internal/screen"
)

// exitInterrupted is the exit code of shells for Ctrl-C.
const exitInterrupted = 130

func main() {
	stay := flag.Bool("stay", false, "keep the control plane and the controller running until Ctrl-C")
	flag.Parse()

	// The first Ctrl-C stops the demo gracefully. A second one ends it and its child processes at once.
	ctx, restore := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, restore)

	err := run(ctx, os.Stdout, *stay)
	switch {
	case ctx.Err() != nil && *stay:
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "\nInterrupted. All processes of the demo have stopped.")
		os.Exit(exitInterrupted)
	case err != nil:
		fmt.Fprintf(os.Stderr, "\n✗ %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, stay bool) (err error) {
	screen := &screen.Screen{Out: out}
	screen.Title("Mirrorball on a real Kubernetes control plane on this machine: no containers, no root, no network")

	begin := time.Now()
	system, err := harness.Start(ctx, harness.Options{Log: screen.Faint()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, system.Close()) }()
	screen.Done("the control plane is ready, with the manifests of deploy/", time.Since(begin))

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
	screen.Done("the controller is ready, with only the permissions of deploy/", time.Since(begin))

	scenario, err := newScenario(ctx, system, controller, screen)
	if err != nil {
		return err
	}
	if err := scenario.run(ctx, stay); err != nil {
		return fmt.Errorf("%w\n\nThe last lines of the controller's log:\n%s", err, controller.LogTail())
	}
	if !stay {
		screen.Title("The demo is complete. `make run` starts the same again and keeps it running for your own tests.")
		return nil
	}
	return waitForInterrupt(ctx, screen, system, controller)
}

// waitForInterrupt keeps everything running until Ctrl-C, or until the control plane or the controller fails.
func waitForInterrupt(
	ctx context.Context, screen *screen.Screen, system *harness.System, controller *harness.Controller,
) error {
	screen.Title("Everything keeps running. Try these commands in another terminal:")
	fmt.Fprintf(screen.Out, `
  export KUBECONFIG=%s
  export PATH=%s:$PATH

  mirrorball audit
  mirrorball explain secret/regcred -n infra
  kubectl create namespace team-yours && kubectl -n team-yours get secrets
  kubectl -n infra annotate secret regcred reflector.v1.k8s.emberstack.com/reflection-auto-enabled-

  log of the controller     %s
  health and metrics        %s

Press Ctrl-C to stop.
`, system.Kubeconfig, binDir(system), controller.LogFile(), controller.URL())
	select {
	case <-ctx.Done():
		fmt.Fprintln(screen.Out, "\nStopping.")
		return nil
	case err := <-system.Cluster.Failed():
		return err
	case <-controller.Done():
		return fmt.Errorf("the controller exited unexpectedly; the last lines of its log:\n%s", controller.LogTail())
	}
}
