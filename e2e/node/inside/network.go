//go:build linux

package inside

import (
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// serviceIP is the address of the Service `kubernetes`, at which Pods find the API server.
const serviceIP = "10.0.0.1"

// setUpNetwork brings the loopback interface of the network namespace up, and gives it the Service's address, so that
// no kube-proxy is needed.
func setUpNetwork() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(socket) }()
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	loopback.SetUint16(unix.IFF_UP | unix.IFF_LOOPBACK | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, loopback); err != nil {
		return fmt.Errorf("bring the loopback interface up: %w", err)
	}
	service, err := unix.NewIfreq("lo:1")
	if err != nil {
		return err
	}
	if err := service.SetInet4Addr(net.ParseIP(serviceIP).To4()); err != nil {
		return err
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFADDR, service); err != nil {
		return fmt.Errorf("give the loopback interface the address %s: %w", serviceIP, err)
	}
	// For this network namespace only.
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1\n"), 0)
}

// network is the network namespace of a further node.
type network struct{ file *os.File }

func networkOf(pid int) (network, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	return network{file}, err
}

// do calls a function on a thread in the namespace.
func (n network) do(call func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: Go ends the thread with the goroutine
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter the network of a node: %w", err)
			return
		}
		done <- call()
	}()
	return <-done
}

func (n network) listen(address string) (listener net.Listener, err error) {
	err = n.do(func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	})
	return listener, err
}

// to returns the dialer of an address in the namespace.
func (n network) to(address string) dialer {
	return func() (connection net.Conn, err error) {
		err = n.do(func() (err error) {
			connection, err = net.Dial("tcp", address)
			return err
		})
		return connection, err
	}
}
