package e2e

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
	"github.com/mirrorball-dev/mirrorball/e2e/simulation/conformance"
)

var update = flag.Bool("update", false, "write down what kube-apiserver answers, for the simulation to be held to")

// TestConformance compares the real API server with the transcript to which the simulation's own test holds the API in
// memory.
func TestConformance(t *testing.T) {
	quick(t)
	t.Parallel()
	client, err := rest.HTTPClientFor(system.Config)
	if err != nil {
		t.Fatal(err)
	}
	runner := conformance.Runner{Client: client, Host: system.Config.Host, Prefix: harness.Prefix(t)}
	got, err := runner.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		root, err := repo.Root()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, "e2e", "simulation", "conformance", "transcript.txt")
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != conformance.Transcript {
		t.Errorf("kube-apiserver answers otherwise than the simulation is held to: run this with -update, and make the "+
			"simulation follow\ngot:\n%s", got)
	}
}
