package firstpods

import (
	"os"
	"path/filepath"
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
	manifest := filepath.Join(t.TempDir(), "a file.yaml")
	text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied, namespace: default}\n"
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const pods = 3
	var results []Result
	options := Options{
		Cases: Cases(), Pods: pods, Batch: 2, Writes: 20, Apply: []string{manifest}, Log: os.Stdout,
	}
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
		for way, outcomes := range results[i].outcomes {
			if len(outcomes) != pods {
				t.Errorf("%s: %d Pods in way %d, want %d", name, len(outcomes), way, pods)
			}
			for _, o := range outcomes {
				if way != byMirrorball && (o.doomed || o.pullFailed) {
					t.Errorf("%s: a Pod that needs nothing of Mirrorball, in way %d: %+v", name, way, o)
				}
				if o.running == 0 && !o.doomed {
					t.Errorf("%s: a Pod that has what it needs never ran, in way %d: %+v", name, way, o)
				}
			}
		}
	}
}
