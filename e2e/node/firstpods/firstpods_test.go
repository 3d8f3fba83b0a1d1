package firstpods

import (
	"os"
	"testing"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

// TestRun: a small measurement on a real node counts what it is to count. How fast it is says nothing.
func TestRun(t *testing.T) {
	if err := node.Check(); err != nil {
		t.Skip(err)
	}
	harness.TakeSlots(t, 1)
	const pods = 3
	var results []Result
	options := Options{Cases: Cases(), Pods: pods, Batch: 2, Writes: 20, Log: os.Stdout}
	err := Run(t.Context(), options, func(result Result) error {
		results = append(results, result)
		return result.Print(os.Stdout)
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range Cases() {
		if i >= len(results) || results[i].Case != name {
			t.Fatalf("the results are %v, want one for each of %q", results, Cases())
		}
		for _, o := range results[i].ByHand {
			if o.doomed || o.pullFailed || o.running == 0 {
				t.Errorf("%s: a Pod whose secret was made by hand before: %+v", name, o)
			}
		}
		if len(results[i].ByHand) != pods || len(results[i].Mirrorball) != pods {
			t.Errorf("%s: %d and %d Pods, want %d", name, len(results[i].ByHand), len(results[i].Mirrorball), pods)
		}
		for _, o := range results[i].Mirrorball {
			if o.running == 0 && !o.doomed {
				t.Errorf("%s: a Pod with its pull secret never ran: %+v", name, o)
			}
		}
	}
}
