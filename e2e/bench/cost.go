package bench

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// requests are the controller's since a mark, by verb and resource.
func (b *bench) requests(ctx context.Context, mark harness.Mark) (map[string]int, error) {
	list, err := b.system.RequestsSince(ctx, mark, harness.User)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, r := range list {
		counts[r.Verb+" "+r.Resource]++
	}
	return counts, nil
}

func describe(counts map[string]int) string {
	if len(counts) == 0 {
		return "none"
	}
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[what], what))
	}
	return strings.Join(parts, ", ")
}

// tally counts requests and bytes while something is done.
type tally struct {
	requests      map[string]int
	read, written float64
}

func (b *bench) tally(ctx context.Context, load func() error) (t tally, err error) {
	mark, err := b.system.MarkRequests(ctx)
	if err != nil {
		return t, err
	}
	read, written, err := transferred(b.subject.PID())
	if err != nil {
		return t, err
	}
	if err := load(); err != nil {
		return t, err
	}
	if t.read, t.written, err = transferred(b.subject.PID()); err != nil {
		return t, err
	}
	t.read, t.written = t.read-read, t.written-written
	t.requests, err = b.requests(ctx, mark)
	return t, err
}

// cost counts what a replica costs when it is created, changed and removed.
func cost(ctx context.Context, b *bench) (Result, error) {
	count := b.sized(1000)
	if _, err := b.targetNamespaces(ctx, count); err != nil {
		return Result{}, err
	}
	var result Result
	steps := []string{"created", "changed", "removed"}
	figures := make([]Figure, len(steps))
	for i, step := range steps {
		figures[i] = Figure{
			Name: "requests a replica " + step, Unit: "", Goal: "one, and a read of the source", Limit: 1.01,
			Raw: []Series{{Name: "bytes read", Unit: "B"}, {Name: "bytes written", Unit: "B"}},
		}
	}
	for round := range b.options.Rounds {
		name := b.unique("source")
		for i, load := range []func() error{
			func() error {
				_, err := b.untilWritten(ctx, count, func() error { return b.source(ctx, name) }, name)
				return err
			},
			func() error {
				_, err := b.untilWritten(ctx, count, func() error { return b.change(ctx, name, round+1) }, name)
				return err
			},
			func() error { return b.remove(ctx, name) },
		} {
			t, err := b.tally(ctx, load)
			if err != nil {
				return Result{}, err
			}
			n := 0
			for what, k := range t.requests {
				if !strings.Contains(what, "leases") && !strings.Contains(what, "events") {
					n += k
				}
			}
			each := float64(count)
			figures[i].Values = append(figures[i].Values, float64(n)/each)
			figures[i].Raw[0].Values = append(figures[i].Raw[0].Values, t.read/each)
			figures[i].Raw[1].Values = append(figures[i].Raw[1].Values, t.written/each)
			b.say("round %d: %d replicas %s by %s", round+1, count, steps[i], describe(t.requests))
		}
	}
	result.Figures = figures
	return result, nil
}

// restAndRestart has ten thousand replicas in sync, watches the controller do nothing, and starts it again and again.
func restAndRestart(ctx context.Context, b *bench) (Result, error) {
	sources, count := b.sized(10), b.sized(1000)
	if _, err := b.targetNamespaces(ctx, count); err != nil {
		return Result{}, err
	}
	if err := b.replicate(ctx, sources, count); err != nil {
		return Result{}, err
	}
	if err := b.pause(ctx, pauseAfterLoad); err != nil { // the controller tells of what was reached
		return Result{}, err
	}
	b.say("watching %d replicas at rest for %s", sources*count, b.options.Rest)
	idle, err := b.tally(ctx, func() error { return b.pause(ctx, b.options.Rest) })
	if err != nil {
		return Result{}, err
	}
	minutes := b.options.Rest.Minutes()
	figures := []Figure{{
		Name: "requests a minute at rest", Values: []float64{float64(total(idle.requests)) / minutes},
		Goal: "none", Limit: 0,
	}}
	writes := Figure{Name: "writes of a restart", Goal: "none", Limit: 0}
	reads := Figure{Name: "reads of a restart, beside the watches, a source", Goal: "at most one", Limit: 1}
	seconds := Figure{Name: "until ready", Unit: "s"}
	for round := range b.options.Rounds {
		if err := b.subject.Stop(ctx); err != nil {
			return Result{}, err
		}
		var ready time.Duration
		t, err := b.restarted(ctx, &ready)
		if err != nil {
			return Result{}, err
		}
		wrote, read := 0, 0
		for what, n := range t {
			switch verb, _, _ := strings.Cut(what, " "); verb {
			case "create", "update", "patch", "delete":
				wrote += n
			case "get":
				read += n
			}
		}
		writes.Values = append(writes.Values, float64(wrote))
		reads.Values = append(reads.Values, float64(read)/float64(sources))
		seconds.Values = append(seconds.Values, ready.Seconds())
		b.say("round %d: ready after %s, by %s", round+1, ready.Round(time.Millisecond), describe(t))
	}
	return Result{
		Figures: append(figures, writes, reads, seconds),
		Notes:   []string{fmt.Sprintf("At rest, in %s: %s.", b.options.Rest, describe(idle.requests))},
	}, nil
}

func total(counts map[string]int) int {
	n := 0
	for _, k := range counts {
		n += k
	}
	return n
}

// restarted counts the requests of a start until the controller is at rest again.
func (b *bench) restarted(ctx context.Context, ready *time.Duration) (map[string]int, error) {
	mark, err := b.system.MarkRequests(ctx)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := b.subject.Start(ctx); err != nil {
		return nil, err
	}
	*ready = time.Since(begin)
	if err := b.pause(ctx, pauseAfterLoad); err != nil {
		return nil, err
	}
	return b.requests(ctx, mark)
}

// replicate makes sources, and waits until all their replicas are there.
func (b *bench) replicate(ctx context.Context, sources, namespaces int) error {
	names := make([]string, sources)
	for i := range names {
		names[i] = b.unique("source")
	}
	_, err := b.untilWritten(ctx, sources*namespaces, func() error {
		return parallel(sources, sources, func(i int) error { return b.source(ctx, names[i]) })
	}, names...)
	return err
}
