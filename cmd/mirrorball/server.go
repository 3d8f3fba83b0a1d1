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

// server is the process's one listener. It answers until the very end, so that a drain can be watched.
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

// serve listens, and logs where.
func serve(logger logr.Logger, address string, handler http.Handler) (*server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, unable("--http-address %s: %w; choose another one, port 0 takes any that is free", address, err)
	}
	s := &server{http: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}}
	go func() {
		// The kubelet's probes notice an end that nobody asked for, and restart the process.
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error(err, "health and metrics are no longer served")
		}
	}()
	logger.Info("serving", "address", listener.Addr().String())
	return s, nil
}

// close gives a scrape that is under way a moment.
func (s *server) close(logger logr.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		logger.V(1).Info("cut off who was still asking for health or metrics", "err", err)
	}
}
