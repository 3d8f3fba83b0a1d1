package conformance_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorball-dev/mirrorball/e2e/simulation/conformance"
	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
)

// TestConformance: the API in memory answers as the real one did.
func TestConformance(t *testing.T) {
	server := apiservertest.New(apiservertest.Options{Termination: 20 * time.Millisecond})
	defer server.Close()
	runner := conformance.Runner{
		Client: &http.Client{Transport: server.RoundTripper("test")}, Host: "http://sim", Prefix: "conformance",
	}
	got, err := runner.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(conformance.Transcript, got); diff != "" {
		t.Errorf("the API in memory differs from the real one (-real +in memory):\n%s", diff)
	}
}
