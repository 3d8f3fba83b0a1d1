package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/e2e/controlplane"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

func upCommand() *cobra.Command {
	var kubeconfig, dir string
	var audit, withNode bool
	var nodes int
	command := &cobra.Command{
		Use:   "up --kubeconfig FILE",
		Short: "Start a control plane and keep it running until Ctrl-C",
		Long: `Start etcd, kube-apiserver and kube-controller-manager on free loopback ports, write a kubeconfig for the
administrator once the API is ready, and stay in the foreground. Ctrl-C or SIGTERM ends all of it.

The state lives in --dir, where a later start continues with it; without --dir, in a temporary folder that is removed
at the end.

With --node there is also a node that runs Pods: kubelet, scheduler, containerd, and registries with and without a
password, all in namespaces of their own. --nodes N is the same with N nodes. This needs Linux, root, and Debian's
packages containerd, runc, containernetworking-plugins and docker-registry.`,
		Example: `  devcluster up --kubeconfig /tmp/dev.kubeconfig
  KUBECONFIG=/tmp/dev.kubeconfig kubectl get namespaces`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
			defer cancel()
			var err error
			if kubeconfig, err = filepath.Abs(kubeconfig); err != nil {
				return fmt.Errorf("--kubeconfig %s: %w", kubeconfig, err)
			}
			if withNode || nodes > 0 {
				return upNode(ctx, cmd.OutOrStdout(), kubeconfig, node.Options{Dir: dir, Audit: audit, Nodes: nodes})
			}
			return up(ctx, cmd.OutOrStdout(), kubeconfig, controlplane.Options{Dir: dir, Audit: audit})
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "file to write the administrator's kubeconfig to (required)")
	command.Flags().StringVar(&dir, "dir", "", "folder for the state, kept at the end (default: a temporary one, removed)")
	command.Flags().BoolVar(&audit, "audit", false, "log every request, without its content, to audit.log in the folder")
	command.Flags().BoolVar(&withNode, "node", false, "add a node that runs Pods (needs root and Debian's packages)")
	command.Flags().IntVar(&nodes, "nodes", 0, "how many nodes that run Pods, as --node is for one")
	_ = command.MarkFlagRequired("kubeconfig") // errs only for a flag that is not there
	return command
}

// up runs a control plane until ctx ends, which is no error, or a component fails.
func up(ctx context.Context, out io.Writer, kubeconfig string, options controlplane.Options) (err error) {
	if options.Binary, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program, which is its own components': %w", err)
	}
	options.Log = out
	cluster, err := controlplane.Start(ctx, options)
	if err != nil {
		if ctx.Err() != nil {
			return nil // asked to end while starting
		}
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()

	if err := announce(out, kubeconfig, cluster.AdminConfig(), cluster.Dir(), ""); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		fmt.Fprintln(out, "\nstopping")
		return nil
	case err := <-cluster.Failed():
		return err
	}
}

// announce writes the kubeconfig of a cluster that is ready, and prints how to use it; more are further lines.
func announce(out io.Writer, kubeconfig string, admin *rest.Config, dir, more string) error {
	if err := controlplane.WriteKubeconfig(kubeconfig, admin); err != nil {
		return err
	}
	fmt.Fprintf(out, `
  server      %s
  kubeconfig  %s
  state, logs %s
%s
Use it from another terminal:

  export KUBECONFIG=%s

Ctrl-C ends it.
`, admin.Host, kubeconfig, dir, more, kubeconfig)
	return nil
}
