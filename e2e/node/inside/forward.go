//go:build linux

package inside

import (
	"io"
	"net"
)

// dialer makes the connections that a forwarder passes on to.
type dialer func() (net.Conn, error)

// to returns the dialer of an address on this node.
func to(address string) dialer {
	return func() (net.Conn, error) { return net.Dial("tcp", address) }
}

// forward passes each connection to a listener on, until the process ends.
func forward(listener net.Listener, dial dialer) {
	for {
		from, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			to, err := dial()
			if err != nil {
				from.Close()
				return
			}
			go pipe(from, to)
			pipe(to, from)
		}()
	}
}

// pipe copies one direction of a connection, and ends both when it is over.
func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	to.Close()
	from.Close()
}
