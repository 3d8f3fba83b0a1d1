package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// streams are the watches of a controller of Secrets and ConfigMaps.
var streams = []string{
	"configmaps", "configmaps/replicas", "namespaces", "records", "rules", "secrets", "secrets/replicas",
	"serviceaccounts",
}

// streamFailures returns how often each stream has failed for a reason.
func (s *scene) streamFailures(c *harness.Controller, reason string) (map[string]int, error) {
	page, err := c.Get(s.Context(), "/metrics")
	if err != nil {
		return nil, err
	}
	line := regexp.MustCompile(`(?m)^mirrorball_watch_failures_total\{reason="` + reason + `",stream="([a-z/]+)"\} (\d+)$`)
	failures := map[string]int{}
	for _, match := range line.FindAllStringSubmatch(page, -1) {
		if failures[match[1]], err = strconv.Atoi(match[2]); err != nil {
			return nil, err
		}
	}
	return failures, nil
}

// failedSince has no error once each stream has failed as often again since a count. Meanwhile the process is alive.
func (s *scene) failedSince(c *harness.Controller, reason string, before map[string]int, times int) error {
	if _, err := c.Get(s.Context(), "/healthz"); err != nil {
		s.Fatal(err)
	}
	now, err := s.streamFailures(c, reason)
	if err != nil {
		return err
	}
	for _, name := range streams {
		if now[name] < before[name]+times {
			return fmt.Errorf("the watch of %s has failed %d times, and then %d; want %d more",
				name, before[name], now[name], times)
		}
	}
	return nil
}

// TestLivenessThroughFaults: a dead connection and an API server that is away are noticed and overcome, and neither
// makes the process look dead.
func TestLivenessThroughFaults(t *testing.T) {
	s := ownScene(t)
	config := s.controllerConfig()
	l := s.line(config)
	c := s.connected(config)
	pid := c.PID()
	from, to := s.namespace("from"), s.namespace("to")
	source := s.create(pushed(secret, from, "token", s.ns("to*")))
	s.replicated(source, to)
	failures := func(reason string) map[string]int {
		s.Helper()
		count, err := s.streamFailures(c, reason)
		if err != nil || len(count) != len(streams) {
			s.Fatalf("the failures are %v, want one number of each of %q: %v", count, streams, err)
		}
		return count
	}

	// client-go asks an HTTP/2 connection after half a minute of silence whether it is still there.
	before := failures("unreachable")
	l.kill()
	harness.Eventually(t, func(context.Context) string { return fmt.Sprint(l.swallowed.Load()) }, func() error {
		return s.failedSince(c, "unreachable", before, 1)
	})
	source = s.edit(source, func(o *object) { o.data["token"] = "over a new connection" })
	s.reaches(source, to)

	// Each watch tries again and again, with a backoff.
	before = failures("unreachable")
	if err := s.system.Cluster.APIServer.Kill(); err != nil {
		t.Fatal(err)
	}
	s.eventually(func() error { return s.failedSince(c, "unreachable", before, 2) })
	if err := s.system.Cluster.APIServer.Start(s.Context()); err != nil {
		t.Fatal(err)
	}
	source = s.edit(source, func(o *object) { o.data["token"] = "from a new API server" })
	s.reaches(source, to)
	s.serves(c, "/healthz?verbose", "[+]watches ok", "[+]workers ok", "[+]queue ok", "healthz check passed")
	if c.PID() != pid {
		t.Error("the controller was started again")
	}
}
