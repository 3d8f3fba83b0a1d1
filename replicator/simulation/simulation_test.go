package simulation_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"

	"github.com/mirrorball-dev/mirrorball/replicator/simulation"
)

var (
	seed  = flag.Uint64("seed", 0, "the one history to run, and to tell")
	seeds = flag.Uint64("seeds", 100, "how many histories to run")
	first = flag.Uint64("first", 1, "the first seed")
)

func TestMain(m *testing.M) {
	// client-go's own handler keeps the time of the last error for all of the process, and sleeps by it: histories must
	// not share a clock.
	utilruntime.ErrorHandlers = nil
	os.Exit(m.Run())
}

func run(t *testing.T, h simulation.History) (result simulation.Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		if result, err = simulation.Run(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	})
	return result
}

func TestSimulation(t *testing.T) {
	if *seed != 0 {
		r := run(t, simulation.Generate(*seed))
		fmt.Println(strings.Join(r.Story, "\n"))
		if r.Broken != "" {
			t.Errorf("%s: %s", r.Rule, r.Broken)
		}
		return
	}
	for s := *first; s < *first+*seeds; s++ {
		if r := run(t, simulation.Generate(s)); r.Broken != "" {
			t.Errorf("seed %d: %s: %s", s, r.Rule, r.Broken)
		}
	}
}
