// Command devcluster is a Kubernetes control plane for one machine, without containers or root: etcd, kube-apiserver
// and kube-controller-manager from their Go modules, in one program that starts itself once for each of them.
//
//	devcluster up --kubeconfig FILE [--dir DIR]
//
// What the components are given is the business of package controlplane; this program only has them linked in.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/mirrorball-dev/mirrorball/e2e/controlplane"
)

func main() {
	// The components parse their own flags, and they shape their process when their command is made (signal handlers,
	// global loggers), so they are kept apart from devcluster's own command.
	if len(os.Args) > 1 {
		if component, ok := components[controlplane.Name(os.Args[1])]; ok {
			os.Exit(component(os.Args[2:]))
		}
	}
	root := &cobra.Command{
		Use:           "devcluster",
		Short:         "A Kubernetes control plane for one machine",
		SilenceUsage:  true,
		SilenceErrors: true,
		Long: `A Kubernetes control plane for one machine: etcd, kube-apiserver and kube-controller-manager.
There are no nodes, and Pods stay Pending, unless it is started with --node or --nodes.`,
	}
	root.AddCommand(upCommand(), checkNodeCommand())
	if err := root.Execute(); err != nil {
		root.PrintErrln("devcluster:", err)
		os.Exit(1)
	}
}
