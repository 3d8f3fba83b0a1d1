package firstpods

import (
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	const ms = time.Millisecond
	ran := outcome{admitted: 100 * ms, running: 1000 * ms}
	late := outcome{admitted: 200 * ms, running: 1500 * ms, pullFailed: true}
	doomed := outcome{admitted: 200 * ms, pullFailed: true, doomed: true}
	for name, tc := range map[string]struct {
		result Result
		want   []string
	}{
		"all ran": {
			Result{Case: Idle, Batch: 1, outcomes: [waysCount][]outcome{{ran}, {late}, {ran}}},
			[]string{
				"| Pods | 1 | 1 | | 1 |", "| saw ErrImagePull or ImagePullBackOff | 0 | 1 | | 0 |",
				"| doomed: admitted without the pull secret | 0 | 0 | | 0 |",
				"| apply to admitted, p50 | 0.10 s | 0.20 s | 2.00 × | 0.10 s |",
				"| apply to running, p99 | 1.00 s | 1.50 s | 1.50 × | 1.00 s |",
			},
		},
		"a doomed Pod never runs": {
			Result{Case: Idle, outcomes: [waysCount][]outcome{{ran, ran, ran}, {ran, late, doomed}, {ran}}},
			[]string{
				"| doomed: admitted without the pull secret | 0 | 1 | | 0 |",
				"| apply to running, p50 | 1.00 s | 1.50 s | 1.50 × | 1.00 s |",
				"| apply to running, p99 | 1.00 s | never | – | 1.00 s |",
				"| apply to running, of those that ran, p50 | 1.00 s | 1.25 s | 1.25 × | 1.00 s |",
			},
		},
		"none ran": {
			Result{Case: FanOut, outcomes: [waysCount][]outcome{{ran}, {doomed, doomed}, nil}, Note: "meanwhile"},
			[]string{
				"| apply to running, p50 | 1.00 s | never | – | – |",
				"| apply to running, of those that ran, p50 | 1.00 s | – | – | – |",
				"meanwhile",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := tc.result.Print(&out); err != nil {
				t.Fatal(err)
			}
			text := strings.Join(strings.Fields(out.String()), " ")
			for _, want := range tc.want {
				if !strings.Contains(text, want) {
					t.Errorf("the table has no %q:\n%s", want, out.String())
				}
			}
		})
	}
}
