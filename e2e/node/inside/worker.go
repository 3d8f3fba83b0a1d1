//go:build linux

package inside

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/process"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

// startWorkers starts the further nodes, each in namespaces of its own below those of the first one.
func (s *supervisor) startWorkers(ctx context.Context) error {
	for number := 2; number <= s.spec.Nodes; number++ {
		if err := s.prepareKubelet(number); err != nil {
			return err
		}
		err := s.run(ctx, component{
			name: numbered("node", number),
			spec: process.Spec{
				Path: s.spec.Programs.Devnode, Args: []string{"worker", s.spec.Dir, strconv.Itoa(number)},
				Tied: true, Isolated: true,
			},
			started: func(p *process.Process) error { return s.connect(number, p.PID()) },
			ready:   s.nodeReady(number),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// connect connects the network of a further node, that of a process, with the first one: there, the API server and the
// registries are found at the same addresses as here, and the kubelet of the further node is found here.
func (s *supervisor) connect(number, pid int) error {
	there, err := networkOf(pid)
	if err != nil {
		return err
	}
	if err := there.do(setUpNetwork); err != nil {
		return err
	}
	addresses := []string{net.JoinHostPort(serviceIP, "443"), node.TokenAddress}
	for _, port := range s.spec.Ports() {
		addresses = append(addresses, address(port))
	}
	for _, address := range addresses {
		listener, err := there.listen(address)
		if err != nil {
			return fmt.Errorf("listen at %s of node %d: %w", address, number, err)
		}
		go forward(listener, to(address))
	}
	kubelet := net.JoinHostPort(node.NameOf(number), kubeletPort)
	listener, err := net.Listen("tcp", kubelet)
	if err != nil {
		return err
	}
	go forward(listener, there.to(kubelet))
	return nil
}

// Worker is the first process of the namespaces of a further node. When the supervisor of the first node ends, it ends.
func Worker(dir, number string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	process.TieToParent(killAll)
	err := mount()
	if err == nil {
		err = runSupervisor([]string{"work", dir, number}, nil, signals)
	}
	killAll()
	return err
}

// Work starts the components of a further node, and returns when one of them fails.
func Work(dir, text string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	spec, err := node.ReadSpec(dir)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	s := &supervisor{spec: spec, number: number, report: node.Reporter{Out: os.Stdout}, failed: make(chan error, 1)}
	for _, step := range []func(context.Context) error{s.startContainerd, s.startKubelet} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}
