package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
)

// status is what the process says of itself to whoever asks.
type status struct {
	// leading says that this process does the work, rather than standing by.
	leading atomic.Bool
	// stopping says that it was asked to end.
	stopping atomic.Bool
	// synced is nil once every cache has synced.
	synced func() error
}

// check is one named reason to be unhealthy or not ready.
type check struct {
	name string
	run  func() error
}

// live has nothing to go wrong but the process itself: a restart mends neither an API server nor a cache.
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

// checkCaches passes while standing by: a standby holds no caches, and is as ready as it can be.
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

// serveChecks answers as Kubernetes' own components do: path itself for all checks, path?verbose for one line each,
// path/NAME for one of them. Checks speak of kinds and caches, never of objects, so their reasons are not withheld.
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

// runChecks runs all of them, and writes a line for each.
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
	_, _ = w.Write([]byte(text)) // whoever asked is gone
}
