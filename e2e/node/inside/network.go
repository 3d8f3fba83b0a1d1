//go:build linux

package inside

import (
	"fmt"
	"net"
	"os"

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
