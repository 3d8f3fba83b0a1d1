//go:build linux

package inside

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/process"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

const (
	// privateStore listens on the node only: the accounts are in front of it.
	privateStore   = "127.0.0.1:5001"
	registryConfig = `version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: %s}
  cache: {blobdescriptor: inmemory}
http: {addr: %q, relativeurls: true, secret: %q}
`
)

// startRegistries starts a registry for public images, one for private images, and for each private registry of the
// spec a server that knows its accounts.
func (s *supervisor) startRegistries(ctx context.Context) error {
	public := s.spec.Registry(node.Public)
	if err := s.startStore(ctx, "registry-public", public.Address()); err != nil {
		return err
	}
	if err := s.startStore(ctx, "registry-private", privateStore); err != nil {
		return err
	}
	for _, registry := range s.spec.Registries {
		if registry == public {
			continue
		}
		accounts := newAccounts(registry)
		server := http.NewServeMux()
		server.Handle("/", accounts.guard(toStore()))
		if registry.TokenLifetime > 0 {
			server.Handle(node.TokenPath, accounts.issuer())
			if err := serve(node.TokenAddress, server); err != nil {
				return err
			}
		}
		if err := serve(registry.Address(), server); err != nil {
			return err
		}
	}
	return s.pushPause(ctx)
}

func (s *supervisor) startStore(ctx context.Context, name, address string) error {
	config := filepath.Join("/run", name+".yml")
	text := fmt.Sprintf(registryConfig, filepath.Join("/var/lib", name), address, name)
	if err := writeFile(config, text); err != nil {
		return err
	}
	return s.run(ctx, component{
		name:  name,
		spec:  process.Spec{Path: s.spec.Programs.Registry, Args: []string{"serve", config}},
		ready: func(context.Context) error { return dial("tcp", address) },
	})
}

// toStore passes requests on to the private store.
func toStore() http.Handler {
	target := &url.URL{Scheme: "http", Host: privateStore}
	return &httputil.ReverseProxy{Rewrite: func(request *httputil.ProxyRequest) {
		request.SetURL(target)
		request.Out.Header.Del("Authorization")
	}}
}

// serve serves HTTP at an address until the process ends.
func serve(address string, handler http.Handler) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go func() { _ = http.Serve(listener, handler) }()
	return nil
}
