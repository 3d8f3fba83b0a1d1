package probe

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// answerLimit is how much of an answer is read.
const answerLimit = 1 << 20

// tokenServers are the hosts that give out tokens for well-known registries.
var tokenServers = map[string]string{
	"index.docker.io":           "auth.docker.io",
	"registry.gitlab.com":       "gitlab.com",
	"docker.elastic.co":         "docker-auth.elastic.co",
	"registry.digitalocean.com": "api.digitalocean.com",
}

// guard lets requests pass only to allowed hosts, and no redirect back. It is below everything that adds credentials to
// a request or follows redirects.
type guard struct {
	inner   http.RoundTripper
	allowed map[string]bool
}

// refusal is a request that the guard did not send, or an answer that it did not pass on.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

func newGuard(inner http.RoundTripper, registry string, more []string) *guard {
	g := &guard{inner: inner, allowed: map[string]bool{canonical(registry): true}}
	if server, known := tokenServers[registry]; known {
		g.allowed[server] = true
	}
	for _, host := range more {
		g.allowed[canonical(host)] = true
	}
	return g
}

func (g *guard) RoundTrip(request *http.Request) (*http.Response, error) {
	switch {
	case !g.allowed[canonical(request.URL.Host)]:
		return nil, &refusal{fmt.Sprintf("the registry wants the credentials to be sent to the host %q, which the Secret "+
			"does not name; if that is right, allow it with --probe-token-server", request.URL.Host)}
	case request.URL.Scheme != "https" && !isLoopback(request.URL.Hostname()):
		return nil, &refusal{"the registry speaks HTTP without TLS, and credentials are not sent that way"}
	}
	response, err := g.inner.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= http.StatusMultipleChoices && response.StatusCode < http.StatusBadRequest {
		response.Body.Close()
		return nil, &refusal{"the registry answers with a redirect, which is not followed"}
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, answerLimit), response.Body}
	return response, nil
}

// canonical returns a host in lower case, without the port if it is that of HTTPS.
func canonical(host string) string { return strings.TrimSuffix(strings.ToLower(host), ":443") }

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
