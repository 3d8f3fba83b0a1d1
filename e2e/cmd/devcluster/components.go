package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // the JSON log format
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client-go's metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // the version metric
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"

	"github.com/mirrorball-dev/mirrorball/e2e/controlplane"
)

// components are the hidden subcommands, each with the flags of the program it is named after.
var components = map[controlplane.Name]func(args []string) int{
	controlplane.Etcd: func(args []string) int {
		controlplane.TieToParent()
		etcdmain.Main(append([]string{"etcd"}, args...))
		return 0
	},
	controlplane.APIServer: func(args []string) int {
		controlplane.TieToParent()
		return run(apiserver.NewAPIServerCommand(), args)
	},
	controlplane.ControllerManager: func(args []string) int {
		controlplane.TieToParent()
		return run(controllermanager.NewControllerManagerCommand(), args)
	},
}

func run(command *cobra.Command, args []string) int {
	// Some of Kubernetes' helpers read the flags from os.Args.
	os.Args = append([]string{fmt.Sprintf("%s %s", os.Args[0], command.Name())}, args...)
	command.SetArgs(args)
	return cli.Run(command)
}
