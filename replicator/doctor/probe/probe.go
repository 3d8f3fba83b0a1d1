// Package probe asks a registry whether it accepts a user name and password.
//
// The credentials go to the host that the Secret names, and to the host of its token server if that one is known to
// belong to it or was allowed. They are sent over TLS only, except to this machine. A redirect is never followed.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Outcome is what a registry says of credentials.
type Outcome int

// The outcomes.
const (
	// Undecided means that there was no answer from which anything follows.
	Undecided Outcome = iota
	// Accepted means that the registry knows the user name and password.
	Accepted
	// Rejected means that it does not.
	Rejected
	// NoHost means that the DNS does not know the host.
	NoHost
)

// Answer is an outcome, and how it came about. The text contains nothing that a server said.
type Answer struct {
	Outcome Outcome
	Text    string
}

// Client asks registries.
type Client struct {
	// Transport sends the requests.
	Transport http.RoundTripper
	// Timeout is how long one registry may take.
	Timeout time.Duration
	// TokenServers are hosts that may get credentials although no Secret names them.
	TokenServers []string
}

// Ask asks a registry, given by host and port, whether it accepts the credentials.
func (c *Client) Ask(ctx context.Context, registry, username, password string) Answer {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	r, err := name.NewRegistry(registry)
	if err != nil {
		return Answer{Undecided, "the address is not the host of a registry"}
	}
	g := newGuard(c.Transport, r.RegistryStr(), c.TokenServers)
	challenge, err := transport.Ping(ctx, r, g)
	if err != nil {
		return c.explain(err)
	}
	if challenge.Scheme == "" {
		return Answer{Undecided, "the registry does not ask for credentials"}
	}
	login := authn.FromConfig(authn.AuthConfig{Username: username, Password: password})
	var token *transport.Token
	if strings.EqualFold(challenge.Scheme, "bearer") {
		if token, err = transport.Exchange(ctx, r, login, g, nil, challenge); err != nil {
			return c.explain(err)
		}
		if token.Token == "" {
			token.Token = token.AccessToken
		}
	}
	authenticated, err := transport.FromToken(r, login, g, challenge, token)
	if err != nil {
		return c.explain(err)
	}
	return c.get(ctx, base(r, challenge), authenticated)
}

// base is the URL of the registry's API.
func base(r name.Registry, challenge *transport.Challenge) string {
	u := url.URL{Scheme: "https", Host: r.RegistryStr(), Path: "/v2/"}
	if challenge.Insecure {
		u.Scheme = "http"
	}
	return u.String()
}

// get sends the request that needs the credentials.
func (c *Client) get(ctx context.Context, address string, authenticated http.RoundTripper) Answer {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return c.explain(err)
	}
	response, err := authenticated.RoundTrip(request)
	if err != nil {
		return c.explain(err)
	}
	defer response.Body.Close()
	return fromStatus(response.StatusCode)
}

func fromStatus(code int) Answer {
	switch code {
	case http.StatusOK:
		return Answer{Accepted, "accepted"}
	case http.StatusUnauthorized, http.StatusForbidden:
		return Answer{Rejected, fmt.Sprintf("the registry answers %d %s", code, http.StatusText(code))}
	}
	return Answer{Undecided, fmt.Sprintf("the registry answers %d", code)}
}

// explain turns an error into an answer. The text of the error is not used: it may quote what the server said.
func (c *Client) explain(err error) Answer {
	if refused, ok := errors.AsType[*refusal](err); ok {
		return Answer{Undecided, refused.text}
	}
	if status, ok := errors.AsType[*transport.Error](err); ok {
		return fromStatus(status.StatusCode)
	}
	return c.explainConnection(err)
}
