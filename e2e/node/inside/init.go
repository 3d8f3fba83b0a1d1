//go:build linux

// Package inside is the part of a node that runs in its namespaces. There are two processes, both of them
// `devnode`: the first one, [Init], makes the mounts, starts the second one, reaps what others leave, and at the end
// kills what is left. The second one, [Supervise], starts everything else:
//
//	network       the loopback interface and the address of the Service `kubernetes`
//	registries    docker-registry twice, and the accounts in front of the private one
//	containerd    with runc and the CNI plugin ptp
//	control plane package controlplane, as without a node
//	scheduler, kubelet
//	workers       further nodes, each in namespaces of its own with the two processes [Worker] and [Work]
//	forwarders    from the inherited listeners, and from the Service's address to the API server
package inside

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/process"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

// Init is the first process of the namespaces. When the process that started the cluster ends, all of it ends.
func Init(dir string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	spec, err := node.ReadSpec(dir)
	if err != nil {
		return err
	}
	orphaned := make(chan struct{})
	process.TieToParent(func() {
		close(orphaned)
		killAll()
		_ = spec.RemoveTraces()
	})
	if err = mount(); err == nil {
		inherited := inheritedFiles(firstOfInit, 1+len(spec.Ports()))
		err = runSupervisor([]string{"supervise", dir}, inherited, signals)
	}
	select {
	case <-orphaned:
		select {} // the supervisor was killed above, where this process exits
	default:
		killAll() // the parent removes the traces, when it has read the logs
		return err
	}
}

// runSupervisor starts the second process, passes SIGTERM on to it, and waits for its end. Other processes that end are
// orphans of this namespace.
func runSupervisor(args []string, inherited []*os.File, signals <-chan os.Signal) error {
	files := append([]*os.File{os.Stdin, os.Stdout, os.Stderr}, inherited...)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	supervisor, err := os.StartProcess(self, append([]string{self}, args...), &os.ProcAttr{Files: files})
	if err != nil {
		return err
	}
	go func() {
		for received := range signals {
			_ = supervisor.Signal(received)
		}
	}()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return fmt.Errorf("wait for the supervisor: %w", err)
		case pid == supervisor.Pid && status.ExitStatus() != 0:
			return fmt.Errorf("the supervisor ended with exit code %d", status.ExitStatus())
		case pid == supervisor.Pid:
			return nil
		}
	}
}

// killAll kills all other processes of the namespace, and waits for their end.
func killAll() {
	_ = syscall.Kill(-1, syscall.SIGKILL) // the signal does not reach its sender
	for {
		if _, err := syscall.Wait4(-1, nil, 0, nil); errors.Is(err, syscall.ECHILD) {
			return
		}
	}
}

const (
	// firstOfInit is the first of the files that package node passes on; before it is the pipe to the parent.
	firstOfInit = 4
	// firstOfSupervisor is the same one in the second process.
	firstOfSupervisor = 3
)

// inheritedFiles are open files, from this number on, that no child is to inherit unasked: the pipe for the report of
// the start, and a listener for each port.
func inheritedFiles(first, count int) []*os.File {
	var files []*os.File
	for number := first; number < first+count; number++ {
		syscall.CloseOnExec(number)
		files = append(files, os.NewFile(uintptr(number), "inherited"))
	}
	return files
}
