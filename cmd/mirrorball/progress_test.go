package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgress(t *testing.T) {
	for name, tc := range map[string]struct {
		terminal bool
		takes    time.Duration
		want     string // what is shown last, before it is cleared
	}{
		"is shown on a terminal from a second on": {true, progressDelay + progressPeriod/2, "listing the cluster (2.0 kB"},
		"is not shown before":                     {true, progressDelay - progressPeriod/2, ""},
		"is not shown elsewhere":                  {false, time.Minute, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				p := &progress{out: &out, terminal: tc.terminal}
				done := p.show("listing the cluster")
				synctest.Wait()
				read(t, p, 2000)
				<-time.After(tc.takes)
				synctest.Wait()
				if got := out.String(); !strings.Contains(got, tc.want) || tc.want == "" && got != "" {
					t.Errorf("it shows %q, want %q", got, tc.want)
				}
				done()
				if got := out.String(); got != "" && !strings.HasSuffix(got, "\033[2K\r") {
					t.Errorf("the line is not cleared: %q", got)
				}
			})
		})
	}
}

// read reads an answer of a size.
func read(t *testing.T, p *progress, size int) {
	t.Helper()
	transport := p.count(roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{Body: io.NopCloser(strings.NewReader(strings.Repeat("x", size)))}, nil
	}))
	response, err := transport.RoundTrip(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if n, err := io.Copy(io.Discard, response.Body); err != nil || int(n) != size {
		t.Fatalf("read %d bytes, %v", n, err)
	}
}
