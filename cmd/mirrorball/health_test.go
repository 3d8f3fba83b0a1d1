package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mirrorball-dev/mirrorball/replicator/liveness"
)

func TestHealth(t *testing.T) {
	type state struct{ leading, stopping, synced bool }
	starting, standby := state{}, state{synced: true}
	syncing, working := state{leading: true}, state{leading: true, synced: true}
	stopping := state{leading: true, synced: true, stopping: true}
	const (
		unsynced = "[+]ping ok\n[-]caches failed: secrets have not synced\n[+]rules ok: built-in\n[+]shutdown ok\n" +
			"readyz check failed\n"
		allPassed = "[+]ping ok\n[+]caches ok\n[+]rules ok: built-in\n[+]shutdown ok\nreadyz check passed\n"
		unread    = "[+]ping ok\n[+]caches ok\n[+]rules ok: a standby reads them when it starts to lead\n" +
			"[+]shutdown ok\nreadyz check passed\n"
		alive    = "[+]ping ok\n[+]lease ok\n[+]watches ok\n[+]workers ok\n[+]queue ok\nhealthz check passed\n"
		excluded = "[+]ping ok\n[+]caches excluded: ok\n[+]rules ok: built-in\n[+]shutdown ok\nreadyz check passed\n"
	)
	tests := map[string]struct {
		state    state
		path     string
		wantCode int
		wantText string
	}{
		"a standby is live":                     {standby, "/healthz", 200, "ok"},
		"a standby is ready with its caches":    {standby, "/readyz", 200, "ok"},
		"a standby is not ready without them":   {starting, "/readyz/caches", 500, "secrets have not synced\n"},
		"a leader that is syncing is live":      {syncing, "/healthz", 200, "ok"},
		"a leader that is syncing is not ready": {syncing, "/readyz", 500, unsynced},
		"a leader that has synced is ready":     {working, "/readyz", 200, "ok"},
		"verbose has a line for each check":     {working, "/readyz?verbose", 200, allPassed},
		"a standby knows of no rules":           {standby, "/readyz?verbose", 200, unread},
		"verbose works for healthz too":         {working, "/healthz?verbose", 200, alive},
		"a check can be excluded":               {syncing, "/readyz?verbose&exclude=caches", 200, excluded},
		"excluded checks do not fail":           {syncing, "/readyz?exclude=rules&exclude=caches", 200, "ok"},
		"one check can pass":                    {syncing, "/readyz/shutdown", 200, "ok"},
		"one check can fail":                    {syncing, "/readyz/caches", 500, "secrets have not synced\n"},
		"stopping is live":                      {stopping, "/healthz", 200, "ok"},
		"stopping is not ready":                 {stopping, "/readyz/shutdown", 500, "the process is stopping\n"},
		"a check that is not there":             {working, "/readyz/nonsense", 404, "404 page not found\n"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := &status{synced: func() error {
				if !tc.state.synced {
					return errors.New("secrets have not synced")
				}
				return nil
			}, rules: func() string { return "built-in" }}
			s.leading.Store(tc.state.leading)
			s.stopping.Store(tc.state.stopping)
			recorder := httptest.NewRecorder()
			handler(s, prometheus.NewRegistry(), false).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, tc.path, nil))
			if recorder.Code != tc.wantCode || recorder.Body.String() != tc.wantText {
				t.Errorf("GET %s answers %d %q, want %d %q",
					tc.path, recorder.Code, recorder.Body, tc.wantCode, tc.wantText)
			}
		})
	}
}

// TestStalledProcess: what has stood still fails the liveness check, by name.
func TestStalledProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &status{}
		s.monitor.Watch(liveness.Subject{
			Check: "queue", Name: "the queue", Problem: "has not moved", Limit: time.Minute,
			Sample: func() liveness.Sample { return liveness.Sample{Due: true} },
		})
		go s.monitor.Run(t.Context())
		<-time.After(time.Minute + time.Second)
		const failed = "[+]ping ok\n[+]lease ok\n[+]watches ok\n[+]workers ok\n" +
			"[-]queue failed: the queue has not moved for 1m0s; restart the process\nhealthz check failed\n"
		for path, want := range map[string]string{
			"/healthz": failed, "/healthz?exclude=queue": "ok", "/healthz/workers": "ok",
		} {
			recorder := httptest.NewRecorder()
			handler(s, prometheus.NewRegistry(), false).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
			if recorder.Body.String() != want {
				t.Errorf("GET %s answers %q, want %q", path, recorder.Body, want)
			}
		}
	})
}
