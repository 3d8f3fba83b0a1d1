package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/mirrorball-dev/mirrorball/replicator/liveness"
)

// status is the state of the process that health checks and metrics report.
type status struct {
	// leading reports whether this process is the leader, and not a standby.
	leading atomic.Bool
	// stopping reports whether the process received a signal to stop.
	stopping atomic.Bool
	// synced returns nil once all caches have synced.
	synced func() error
	// rules says which of the operator's rules are in force.
	rules func() string
	// monitor knows what has stood still.
	monitor liveness.Monitor
}

// check is one named health check.
type check struct {
	name string
	run  func() error
	// detail is added to the line of a check that passes; nil adds nothing.
	detail func() string
}

// live are checks of what only a restart repairs. None fails because the API server is away, or a cache has not synced.
func (s *status) live() []check {
	checks := []check{{name: "ping", run: passes}}
	for _, name := range liveness.Checks() {
		checks = append(checks, check{name: name, run: func() error { return s.monitor.Check(name) }})
	}
	return checks
}

func (s *status) ready() []check {
	return []check{
		{name: "ping", run: passes},
		{name: "caches", run: s.checkCaches},
		{name: "rules", run: passes, detail: s.describeRules},
		{name: "shutdown", run: s.checkShutdown},
	}
}

func passes() error { return nil }

// describeRules is no check: unreadable rules leave the last readable ones in force.
func (s *status) describeRules() string {
	if !s.leading.Load() {
		return "a standby reads them when it starts to lead"
	}
	return s.rules()
}

// checkCaches fails in a standby too until its caches have synced: it is ready when it could lead.
func (s *status) checkCaches() error { return s.synced() }

func (s *status) checkShutdown() error {
	if s.stopping.Load() {
		return errors.New("the process is stopping")
	}
	return nil
}

// serveChecks serves the checks as Kubernetes' own components do: path runs all checks, path?verbose adds a line for
// each, path?exclude=NAME leaves one out, path/NAME runs one. The lines name kinds, caches, workers and the ConfigMap
// of the rules, so they are shown to everybody.
func serveChecks(mux *http.ServeMux, path string, checks []check) {
	name := strings.TrimPrefix(path, "/")
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		lines, failed := runChecks(checks, query["exclude"])
		switch {
		case failed:
			answer(w, http.StatusInternalServerError, lines+name+" check failed\n")
		case query.Has("verbose"):
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

// runChecks runs all checks but the excluded ones, and returns one line for each.
func runChecks(checks []check, excluded []string) (lines string, failed bool) {
	var text strings.Builder
	for _, c := range checks {
		if slices.Contains(excluded, c.name) {
			fmt.Fprintf(&text, "[+]%s excluded: ok\n", c.name)
			continue
		}
		if err := c.run(); err != nil {
			failed = true
			fmt.Fprintf(&text, "[-]%s failed: %v\n", c.name, err)
			continue
		}
		fmt.Fprintf(&text, "[+]%s ok", c.name)
		if c.detail != nil {
			fmt.Fprintf(&text, ": %s", c.detail())
		}
		text.WriteByte('\n')
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
