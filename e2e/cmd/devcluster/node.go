package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

// upNode runs a cluster with a node until ctx ends, which is no error, or the cluster fails.
func upNode(ctx context.Context, out io.Writer, kubeconfig string, options node.Options) (err error) {
	options.Log = out
	cluster, err := node.Start(ctx, options)
	if err != nil {
		if ctx.Err() != nil {
			return nil // asked to end while starting
		}
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()

	registries := fmt.Sprintf(`  registry    http://%s, without a password: Pods find its images under every host's name
              but those of the private registries, which node.json in the folder names with their accounts
`, cluster.Registry(node.Public).Address())
	if err := announce(out, kubeconfig, cluster.Config(), cluster.Dir(), registries); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		fmt.Fprintln(out, "\nstopping")
		return nil
	case <-cluster.Done():
		return cluster.Failure()
	}
}

func checkNodeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check-node",
		Short: "Report whether `up --node` works on this machine, and what is missing",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return node.Check() },
	}
}
