package simulation

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run only this seed, and print its trace")
	seedsFlag = flag.Uint64("seeds", defaultSeeds, "number of histories to run")
	firstFlag = flag.Uint64("first", 1, "the first seed")
	stopFlag  = flag.Bool("stop", false, "stop at the first violation, and do not minimize its history")
)

func TestMain(m *testing.M) {
	// client-go's own handler keeps the time of the last error for the whole process, and sleeps by it: histories must not
	// share a clock.
	utilruntime.ErrorHandlers = nil
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

func run(t *testing.T, h History) (result Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		if result, err = Run(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	})
	return result
}

func TestSimulation(t *testing.T) {
	if *seedFlag != 0 {
		one := Generate(*seedFlag)
		result := run(t, one)
		t.Logf("the trace of seed %d, with %+v:\n%s", *seedFlag, one.Settings, strings.Join(result.Trace, "\n"))
		if result.Violation != "" {
			explain(t, one, result)
		}
		return
	}
	begin := time.Now()
	var total totals
	t.Run("seeds", func(t *testing.T) {
		for seed := *firstFlag; seed < *firstFlag+*seedsFlag; seed++ {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				if *stopFlag && total.failed.Load() > 0 {
					t.Skip("another has failed")
				}
				h := Generate(seed)
				result := run(t, h)
				total.add(result)
				if result.Violation != "" {
					explain(t, h, result)
				}
			})
		}
	})
	total.report(t, time.Since(begin))
}

// totals are those of all histories.
type totals struct {
	failed atomic.Int32
	mu     sync.Mutex
	runs   int
	steps  int
	writes int
	faults map[string]int
}

func (s *totals) add(r Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults == nil {
		s.faults = map[string]int{}
	}
	if r.Violation != "" {
		s.failed.Add(1)
	}
	s.runs++
	s.steps += r.Steps
	s.writes += r.Writes
	for k, n := range r.Faults {
		s.faults[k] += n
	}
}

func (s *totals) report(t *testing.T, took time.Duration) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d histories in %s (%.1f per second), %d violations\n"+
		"steps: %d, writes of the controller checked: %d\nfaults:",
		s.runs, took.Round(time.Second), float64(s.runs)/took.Seconds(), s.failed.Load(),
		s.steps, s.writes)
	for _, k := range slices.Sorted(maps.Keys(s.faults)) {
		fmt.Fprintf(&b, "\n  %7d  %s", s.faults[k], k)
	}
	t.Log(b.String())
}

// explain reports a violation, with the trace of the smallest history that still has it.
func explain(t *testing.T, h History, result Result) {
	t.Errorf("seed %d: %s: %s", h.Seed, result.Rule, result.Violation)
	if *stopFlag {
		return
	}
	if smaller, reproduced := minimize(t, h, result); reproduced != nil {
		t.Logf("%d of its %d steps suffice, with %+v:\n%s\nto repeat: cd e2e; go test ./simulation -run TestSimulation "+
			"-seed %d -v", len(smaller.Steps), len(h.Steps), h.Settings, strings.Join(reproduced.Trace, "\n"), h.Seed)
	}
}

// minimize leaves out steps for as long as the same rule is violated. A history is tried twice, since a seed does not
// determine everything.
func minimize(t *testing.T, h History, result Result) (History, *Result) {
	t.Helper()
	var last *Result
	violates := func(steps []Step) bool {
		tried := h
		tried.Steps = steps
		for range 2 {
			if r := run(t, tried); r.Rule == result.Rule {
				last = &r
				return true
			}
		}
		return false
	}
	steps := h.Steps
	for size := (len(steps) + 1) / 2; size > 0; size /= 2 {
		for from := 0; from < len(steps); {
			to := min(from+size, len(steps))
			without := slices.Concat(steps[:from], steps[to:])
			if to < len(steps) && to > from {
				// Later steps keep their time.
				without = slices.Clone(without)
				for _, s := range steps[from:to] {
					without[from].After += s.After
				}
			}
			if violates(without) {
				steps = without
			} else {
				from = to
			}
		}
	}
	if last == nil {
		violates(steps)
	}
	h.Steps = steps
	return h, last
}
