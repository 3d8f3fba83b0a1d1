//go:build linux

// Command devnode is what a node consists of besides Debian's containerd: kubelet and kube-scheduler from their Go
// modules, and the two processes that start and end everything in namespaces of their own (package inside).
//
// Nobody calls it by hand: `devcluster up --node` does.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // the JSON log format
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client-go's metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // the version metric
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/process"
	"github.com/mirrorball-dev/mirrorball/e2e/node/inside"
)

var subcommands = map[string]func(args []string) int{
	"init":      func(args []string) int { return own(func() error { return inside.Init(args[0]) }) },
	"supervise": func(args []string) int { return own(func() error { return inside.Supervise(args[0]) }) },
	"worker":    func(args []string) int { return own(func() error { return inside.Worker(args[0], args[1]) }) },
	"work":      func(args []string) int { return own(func() error { return inside.Work(args[0], args[1]) }) },
	"probe":     func([]string) int { return own(inside.Probe) },
	"kubelet": func(args []string) int {
		process.TieToParent(nil)
		return run(kubelet.NewKubeletCommand(context.Background()), args)
	},
	"kube-scheduler": func(args []string) int {
		process.TieToParent(nil)
		return run(scheduler.NewSchedulerCommand(), args)
	},
}

// own runs a step of package inside.
func own(step func() error) int {
	if err := step(); err != nil {
		fmt.Fprintln(os.Stderr, "devnode:", err)
		return 1
	}
	return 0
}

func run(command *cobra.Command, args []string) int {
	// Some of Kubernetes' helpers read the flags from os.Args.
	os.Args = append([]string{fmt.Sprintf("%s %s", os.Args[0], command.Name())}, args...)
	command.SetArgs(args)
	return cli.Run(command)
}

func main() {
	if len(os.Args) > 1 {
		if subcommand, ok := subcommands[os.Args[1]]; ok {
			os.Exit(subcommand(os.Args[2:]))
		}
	}
	fmt.Fprintln(os.Stderr, "devnode: this program is started by `devcluster up --node`")
	os.Exit(2)
}
