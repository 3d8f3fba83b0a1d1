// Command demonode, built as bin/demo-node, starts a cluster with a real kubelet on this machine and plays the guide to
// image pull secrets (package guide), step by step.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/screen"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
	"github.com/mirrorball-dev/mirrorball/e2e/node/guide"
)

// exitInterrupted is the exit code of shells for Ctrl-C.
const exitInterrupted = 130

func main() {
	// The first Ctrl-C stops the demo gracefully. A second one ends it and its child processes at once.
	ctx, restore := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, restore)

	err := run(ctx, os.Stdout)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "\nInterrupted. All processes of the demo have stopped.")
		os.Exit(exitInterrupted)
	case err != nil:
		fmt.Fprintf(os.Stderr, "\n✗ %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	begin := time.Now()
	show := &screen.Screen{Out: out}
	show.Title("Image pull secrets on a real kubelet on this machine: no Docker, in namespaces of its own")
	cluster, err := node.Start(ctx, node.Options{Log: show.Faint()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	show.Done("the node is ready", time.Since(begin))

	steps, err := guide.New(cluster, show)
	if err != nil {
		return err
	}
	if err := steps.RunAll(ctx); err != nil {
		return err
	}
	show.Title(fmt.Sprintf("The guide is complete, after %.0f s.", time.Since(begin).Seconds()))
	return nil
}
