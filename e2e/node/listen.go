package node

import (
	"fmt"
	"net"
	"net/netip"
	"os"
)

// listen opens the listeners that the child inherits, one for each of Spec.Ports, and sets the ports. They accept on
// this machine's loopback address, also when they are used from another network namespace.
func (c *Cluster) listen() (files []*os.File, err error) {
	defer func() {
		if err != nil {
			closeAll(files)
		}
	}()
	open := func(port *int) error {
		listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = listener.Close() }()
		address, err := netip.ParseAddrPort(listener.Addr().String())
		if err != nil {
			return err
		}
		*port = int(address.Port())
		file, err := listener.File()
		if err != nil {
			return err
		}
		files = append(files, file)
		return nil
	}
	if err := open(&c.spec.APIServerPort); err != nil {
		return files, err
	}
	for _, registry := range c.spec.Registries {
		if err := open(&registry.Port); err != nil {
			return files, err
		}
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, file := range files {
		file.Close()
	}
}
