package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
)

// status is the state of the process that health checks and metrics report.
type status struct {
	// leading reports whether this process is the leader, and not a standby.
	leading atomic.Bool
	// stopping reports whether the process received a signal to stop.
	stopping atomic.Bool
	// synced returns nil once all caches have synced.
	synced func() error
}

// check is one named health check.
type check struct {
	name string
	run  func() error
}

// live checks only that the process answers: a restart repairs neither the API server nor a cache.
func (s *status) live() []check {
	return []check{{"ping", func() error { return nil }}}
}

func (s *status) ready() []check {
	return []check{
		{"ping", func() error { return nil }},
		{"caches", s.checkCaches},
		{"shutdown", s.checkShutdown},
	}
}

// checkCaches passes in a standby, which has no caches.
func (s *status) checkCaches() error {
	if !s.leading.Load() {
		return nil
	}
	return s.synced()
}

func (s *status) checkShutdown() error {
	if s.stopping.Load() {
		return errors.New("the process is stopping")
	}
	return nil
}

// serveChecks serves the checks as Kubernetes' own components do: path runs all checks, path?verbose adds a line for
// each, path/NAME runs one. The errors name kinds and caches, never objects, so they are shown to everybody.
func serveChecks(mux *http.ServeMux, path string, checks []check) {
	name := strings.TrimPrefix(path, "/")
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		lines, failed := runChecks(checks)
		switch {
		case failed:
			answer(w, http.StatusInternalServerError, lines+name+" check failed\n")
		case r.URL.Query().Has("verbose"):
			answer(w, http.StatusOK, lines+name+" check passed\n")
		default:
			answer(w, http.StatusOK, "ok")
		}
	})
	for _, c := range checks {
		mux.HandleFunc("GET "+path+"/"+c.name, func(w http.ResponseWriter, _ *http.Request) {
			if err := c.run(); err != nil {
				answer(w, http.StatusInternalServerError, err.Error()+"\n")
				return
			}
			answer(w, http.StatusOK, "ok")
		})
	}
}

// runChecks runs all checks and returns one line for each.
func runChecks(checks []check) (lines string, failed bool) {
	var text strings.Builder
	for _, c := range checks {
		if err := c.run(); err != nil {
			failed = true
			fmt.Fprintf(&text, "[-]%s failed: %v\n", c.name, err)
			continue
		}
		fmt.Fprintf(&text, "[+]%s ok\n", c.name)
	}
	return text.String(), failed
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text)) // the client has closed the connection
}
