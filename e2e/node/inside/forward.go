//go:build linux

package inside

import (
	"io"
	"net"
)

// forward passes each connection to a listener on to an address, until the process ends.
func forward(listener net.Listener, address string) {
	for {
		from, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			to, err := net.Dial("tcp", address)
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
