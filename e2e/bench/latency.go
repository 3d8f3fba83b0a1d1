package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// interval is that of new namespaces: five a second.
const interval = 200 * time.Millisecond

func newNamespaceOne(ctx context.Context, b *bench) (Result, error) {
	r, err := newNamespaces(ctx, b, 1)
	if err != nil {
		return r, err
	}
	r.Figures[0].Goal, r.Figures[0].Limit = "at most 1.0", 1
	r.Figures[1].Goal, r.Figures[1].Limit = "at most 1.5", 1.5
	return r, nil
}

func newNamespaceMany(ctx context.Context, b *bench) (Result, error) {
	return newNamespaces(ctx, b, b.sized(50))
}

// newNamespaces compares when a new namespace has its (last) replica with when it has Kubernetes' own ConfigMap.
func newNamespaces(ctx context.Context, b *bench, sources int) (Result, error) {
	for range sources {
		if err := b.source(ctx, b.unique("source")); err != nil {
			return Result{}, err
		}
	}
	defer b.profile(ctx)()
	var replica, reference quantiles
	for round := range b.options.Rounds {
		replicas, cas, err := b.stream(ctx, metav1.ListOptions{}, sources, b.sized(200))
		if err != nil {
			return Result{}, err
		}
		replica.add(replicas)
		reference.add(cas)
		b.say("round %d: p50 %.0f ms and p99 %.0f ms; %s %.0f and %.0f ms", round+1, Quantile(replicas, 0.5),
			Quantile(replicas, 0.99), rootCA, Quantile(cas, 0.5), Quantile(cas, 0.99))
	}
	return Result{
		Figures: compare("of "+rootCA+"'s", &replica, rootCA, &reference),
		Samples: []Series{{"replica", "ms", replica.all}, {rootCA, "ms", reference.all}},
	}, nil
}

// quantiles are those of several rounds.
type quantiles struct{ p50, p99, worst, all []float64 }

func (q *quantiles) add(values []float64) {
	q.p50 = append(q.p50, Quantile(values, 0.5))
	q.p99 = append(q.p99, Quantile(values, 0.99))
	q.worst = append(q.worst, Quantile(values, 1))
	q.all = append(q.all, values...)
}

// compare gives the ratios of p50, p99 and the worst.
func compare(of string, measured *quantiles, name string, reference *quantiles) []Figure {
	figure := func(what string, m, r []float64) Figure {
		return Figure{
			Name: what + ", " + of, Unit: "×", Values: ratios(m, r),
			Raw: []Series{{name, "ms", r}, {"replica", "ms", m}},
		}
	}
	return []Figure{
		figure("p50", measured.p50, reference.p50),
		figure("p99", measured.p99, reference.p99),
		figure("worst", measured.worst, reference.worst),
	}
}

// stream makes n namespaces, five a second, and says how many milliseconds after the request each had the last of its
// replicas that the selector selects, and Kubernetes' own ConfigMap.
func (b *bench) stream(
	ctx context.Context, selector metav1.ListOptions, replicas, n int,
) (ours, kubernetes []float64, err error) {
	names := make([]string, n)
	for i := range names {
		names[i] = b.unique(targets + "new")
	}
	var mu sync.Mutex
	begun := map[string]time.Time{}
	make1 := func(i int) error {
		mu.Lock()
		begun[names[i]] = time.Now()
		mu.Unlock()
		return b.namespaces(ctx, names[i])
	}
	collect := func(need int, out *[]float64) func(sighting) bool {
		counts := map[string]int{}
		return func(s sighting) bool {
			mu.Lock()
			defer mu.Unlock()
			start, new := begun[s.namespace]
			if !new || !s.created {
				return false
			}
			if counts[s.namespace]++; counts[s.namespace] == need {
				*out = append(*out, milliseconds(s.at.Sub(start)))
			}
			return len(*out) == n
		}
	}
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- b.observe(ctx, configMaps, metav1.ListOptions{FieldSelector: "metadata.name=" + rootCA},
			func() error { close(ready); return nil }, collect(1, &kubernetes))
	}()
	err = b.observe(ctx, secrets, selector, func() error {
		<-ready
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for i := range names {
			if err := make1(i); err != nil {
				return err
			}
			<-tick.C
		}
		return nil
	}, collect(replicas, &ours))
	if err != nil {
		return nil, nil, fmt.Errorf("%d of %d namespaces have their replicas: %w", len(ours), n, err)
	}
	return ours, kubernetes, <-done
}

// behindFanOut compares new namespaces' latency while the controller has some ten thousand other writes to do with that
// without them.
func behindFanOut(ctx context.Context, b *bench) (Result, error) {
	sources := b.sized(50)
	existing, err := b.targetNamespaces(ctx, b.sized(200))
	if err != nil {
		return Result{}, err
	}
	const watched = "watched"
	if err := b.source(ctx, watched); err != nil {
		return Result{}, err
	}
	only := metav1.ListOptions{FieldSelector: "metadata.name=" + watched}
	n := b.sized(25) // five seconds' worth: less than the fan-out takes
	var alone, loaded quantiles
	for round := range b.options.Rounds {
		quiet, _, err := b.stream(ctx, only, 1, n)
		if err != nil {
			return Result{}, err
		}
		names := make([]string, sources)
		for i := range names {
			names[i] = b.unique("fan-out")
		}
		fanned := make(chan error, 1)
		var took time.Duration
		go func() {
			var err error
			took, err = b.untilWritten(ctx, sources*len(existing), func() error {
				return parallel(sources, sources, func(i int) error { return b.source(ctx, names[i]) })
			}, names...)
			fanned <- err
		}()
		samples, _, err := b.stream(ctx, only, 1, n)
		if err != nil {
			return Result{}, err
		}
		if err := <-fanned; err != nil {
			return Result{}, err
		}
		alone.add(quiet)
		loaded.add(samples)
		b.say("round %d: p50 %.0f ms alone, %.0f ms behind a fan-out of %s", round+1, Quantile(quiet, 0.5),
			Quantile(samples, 0.5), took.Round(time.Millisecond))
		if err := parallel(sources, sources, func(i int) error { return b.remove(ctx, names[i]) }); err != nil {
			return Result{}, err
		}
	}
	return Result{
		Figures: compare("of that without a fan-out", &loaded, "alone", &alone),
		Samples: []Series{{"behind a fan-out", "ms", loaded.all}, {"alone", "ms", alone.all}},
	}, nil
}
