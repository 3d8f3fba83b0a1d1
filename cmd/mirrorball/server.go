package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// server serves health checks and metrics until the process ends, so that a drain can be observed.
type server struct{ http *http.Server }

func handler(status *status, registry *prometheus.Registry, profiling bool) http.Handler {
	mux := http.NewServeMux()
	serveChecks(mux, "/healthz", status.live())
	serveChecks(mux, "/readyz", status.ready())
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	if profiling {
		serveProfiles(mux)
	}
	return mux
}

// serve starts the server and logs its address.
func serve(logger logr.Logger, address string, handler http.Handler) (*server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, unable("--http-address %s: %w; use another address, port 0 selects a free port", address, err)
	}
	s := &server{http: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}}
	go func() {
		// If the server fails, the liveness probe fails too, and the kubelet restarts the process.
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error(err, "the HTTP server failed, health checks and metrics are not available")
		}
	}()
	logger.Info("serving", "address", listener.Addr().String())
	return s, nil
}

// close waits up to a second for requests in progress.
func (s *server) close(logger logr.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		logger.V(1).Info("closed connections of the HTTP server that were still in use", "err", err)
	}
}
