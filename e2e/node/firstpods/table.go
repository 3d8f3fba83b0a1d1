package firstpods

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"

	"github.com/mirrorball-dev/mirrorball/e2e/bench"
)

// Result is what a case came to.
type Result struct {
	Case string
	// Batch is how many Pods started at the same time.
	Batch int
	// outcomes are the Pods that were started in each way.
	outcomes [waysCount][]outcome
	// Note is a line about the circumstances.
	Note string
}

// quantiles are those of the times in the table.
var quantiles = []struct {
	name string
	q    float64
}{{"p50", 0.5}, {"p99", 0.99}}

// Print writes the result as a table in Markdown.
func (r Result) Print(out io.Writer) error {
	fmt.Fprintf(out, "\n%s, %d at a time:\n\n", r.Case, r.Batch)
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	row := func(cells ...any) { fmt.Fprintf(w, "| %v\t| %v\t| %v\t| %v\t| %v\t|\n", cells...) }
	hand, mirrorball, public := r.outcomes[byHand], r.outcomes[byMirrorball], r.outcomes[needless]
	row("", "by hand", "Mirrorball", "ratio", "public image")
	row("---", "---", "---", "---", "---")
	row("Pods", len(hand), len(mirrorball), "", len(public))
	for _, count := range counts {
		row(count.name, number(hand, count.of), number(mirrorball, count.of), "", number(public, count.of))
	}
	for _, times := range times {
		for _, quantile := range quantiles {
			of := func(outcomes []outcome) float64 { return bench.Quantile(seconds(outcomes, times.of), quantile.q) }
			base, measured := of(hand), of(mirrorball)
			row(times.name+", "+quantile.name, showSeconds(base), showSeconds(measured), showRatio(measured/base),
				showSeconds(of(public)))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.Note != "" {
		fmt.Fprintf(out, "\n%s\n", r.Note)
	}
	return nil
}

// counts are the rows that count Pods.
var counts = []struct {
	name string
	of   func(outcome) bool
}{
	{"saw ErrImagePull or ImagePullBackOff", func(o outcome) bool { return o.pullFailed }},
	{"doomed: admitted without the pull secret", func(o outcome) bool { return o.doomed }},
}

// times are the rows of times. A time that is left out is 0.
var times = []struct {
	name string
	of   func(outcome) time.Duration
}{
	{"apply to admitted", func(o outcome) time.Duration { return o.admitted }},
	{"apply to running", func(o outcome) time.Duration {
		if o.running == 0 {
			return never
		}
		return o.running
	}},
	{"apply to running, of those that ran", func(o outcome) time.Duration { return o.running }},
}

// never is longer than everything.
const never = math.MaxInt64

func number(outcomes []outcome, of func(outcome) bool) (n int) {
	for _, o := range outcomes {
		if of(o) {
			n++
		}
	}
	return n
}

func seconds(outcomes []outcome, of func(outcome) time.Duration) (values []float64) {
	for _, o := range outcomes {
		switch took := of(o); took {
		case 0:
		case never:
			values = append(values, math.Inf(1))
		default:
			values = append(values, took.Seconds())
		}
	}
	return values
}

func showSeconds(value float64) string {
	switch {
	case math.IsNaN(value): // of no Pod
		return "–"
	case math.IsInf(value, 0):
		return "never"
	}
	return fmt.Sprintf("%.2f s", value)
}

func showRatio(value float64) string {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return "–"
	}
	return fmt.Sprintf("%.2f ×", value)
}
