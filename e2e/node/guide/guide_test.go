package guide_test

import (
	"os"
	"testing"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/screen"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
	"github.com/mirrorball-dev/mirrorball/e2e/node/guide"
)

// TestGuide: every step of the guide shows what it promises.
func TestGuide(t *testing.T) {
	if err := node.Check(); err != nil {
		t.Skip(err)
	}
	harness.TakeSlots(t, 1)
	show := &screen.Screen{Out: os.Stdout}
	cluster, err := node.Start(t.Context(), node.Options{Log: show.Faint()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	steps, err := guide.New(cluster, show)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps.Steps() {
		passed := t.Run(step.Name, func(t *testing.T) {
			if err := steps.Run(t.Context(), step); err != nil {
				t.Fatal(err)
			}
		})
		if !passed {
			return // the later steps build on this one
		}
	}
}
