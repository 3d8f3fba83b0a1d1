package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// explainConnection says why there was no answer.
func (c *Client) explainConnection(err error) Answer {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return Answer{NoHost, "the DNS does not know the host"}
	}
	text := "the answer is not that of a registry"
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	_, network := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		text = fmt.Sprintf("no answer within %s", c.Timeout)
	case errors.Is(err, context.Canceled):
		text = "interrupted"
	case untrusted:
		text = "this machine does not trust the certificate of the registry"
	case errors.Is(err, syscall.ECONNREFUSED):
		text = "nothing answers at the address"
	case network:
		text = "the connection failed"
	}
	return Answer{Undecided, text}
}
