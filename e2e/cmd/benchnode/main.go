// Command benchnode, built as bin/bench-node, measures the first Pods of new namespaces on a real node: see package
// firstpods.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mirrorball-dev/mirrorball/e2e/node/firstpods"
)

func main() {
	// The first Ctrl-C stops the measurement gracefully. A second one ends it and its child processes at once.
	ctx, restore := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, restore)
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench-node:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var o firstpods.Options
	c := &cobra.Command{
		Use:           "bench-node",
		Short:         "Measure the first Pods of new namespaces, on a real node of its own",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Log = c.ErrOrStderr()
			return firstpods.Run(c.Context(), o, func(result firstpods.Result) error {
				return result.Print(c.OutOrStdout())
			})
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.Cases, "case", firstpods.Cases(),
		"`names` of the cases to run: "+strings.Join(firstpods.Cases(), ", "))
	f.IntVar(&o.Pods, "pods", 100, "how many Pods are started in each way, in each case")
	f.IntVar(&o.Batch, "batch", 1, "how many Pods start at the same time")
	f.IntVar(&o.Writes, "writes", 10_000, "how many replicas the fan-out writes")
	f.StringArrayVar(&o.Apply, "apply", nil,
		"`file` that kubectl applies before the measurement; can be given more than once")
	return c
}
