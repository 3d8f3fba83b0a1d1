package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// interval is that of new namespaces: five a second.
const interval = 200 * time.Millisecond

// newTargets is the beginning of the names of new namespaces that are targets.
const newTargets = targets + "new"

func newNamespaceOne(ctx context.Context, b *bench) (Result, error) {
	if err := b.source(ctx, b.unique("source")); err != nil {
		return Result{}, err
	}
	defer b.profile(ctx)()
	replica, reference, err := b.newNamespaces(ctx, 1, nil)
	return Result{
		Figures: withGoals(compare("of "+rootCA+"'s", replica, rootCA, reference), 1, 1.2),
		Samples: []Series{{"replica", "ms", replica.all}, {rootCA, "ms", reference.all}},
	}, err
}

// newNamespaceMany also has a bare client make the same Secrets in each new namespace, at once.
func newNamespaceMany(ctx context.Context, b *bench) (Result, error) {
	sources := b.sized(50)
	var fill func(namespace string) error
	var concurrency int
	err := b.withoutController(ctx, func() (err error) {
		fill, concurrency, err = b.fastestFill(ctx, sources)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	if err := b.sources(ctx, sources); err != nil {
		return Result{}, err
	}
	defer b.profile(ctx)()
	var bare quantiles
	replica, reference, err := b.newNamespaces(ctx, sources, func() error {
		return b.withoutController(ctx, func() error {
			filled, err := b.fillNamespaces(ctx, b.sized(200), sources, fill)
			if err == nil {
				bare.add(filled)
			}
			return err
		})
	})
	if err != nil {
		return Result{}, err
	}
	figures := withGoals(compare("of the bare client's", replica, "bare client", &bare), 1.3, 0)
	return Result{
		Figures: append(figures, compare("of "+rootCA+"'s", replica, rootCA, reference)...),
		Samples: []Series{
			{"last replica", "ms", replica.all}, {"bare client", "ms", bare.all}, {rootCA, "ms", reference.all},
		},
		Notes: []string{fmt.Sprintf("The bare client was fastest with %d writes at a time in a namespace.", concurrency)},
	}, nil
}

// newNamespaces takes, round after round, when new namespaces have the last of their replicas and when they have
// Kubernetes' own ConfigMap; before each round, it does what else is to be done.
func (b *bench) newNamespaces(
	ctx context.Context, sources int, before func() error,
) (replica, reference *quantiles, err error) {
	replica, reference = &quantiles{}, &quantiles{}
	for round := range b.options.Rounds {
		if before != nil {
			if err := before(); err != nil {
				return replica, reference, err
			}
		}
		replicas, cas, err := b.newNamespaceTimes(ctx, b.sized(200), replicasOf("", sources))
		if err != nil {
			return replica, reference, err
		}
		replica.add(replicas)
		reference.add(cas)
		b.say("round %d: p50 %.0f ms and p99 %.0f ms; %s %.0f and %.0f ms", round+1, Quantile(replicas, 0.5),
			Quantile(replicas, 0.99), rootCA, Quantile(cas, 0.5), Quantile(cas, 0.99))
	}
	return replica, reference, nil
}

// fastestFill returns what makes so many Secrets in a namespace with the concurrency that is best for that.
func (b *bench) fastestFill(ctx context.Context, secrets int) (func(namespace string) error, int, error) {
	fill := func(concurrency int) func(string) error {
		return func(namespace string) error {
			return parallel(secrets, concurrency, func(i int) error {
				s := bareReplica(namespace, fmt.Sprintf("bare-%d", i))
				_, err := b.client.CoreV1().Secrets(namespace).Create(ctx, s, metav1.CreateOptions{})
				return err
			})
		}
	}
	best, fastest := math.Inf(1), 0
	for _, n := range []int{4, 8, 16, 32, 64} {
		filled, err := b.fillNamespaces(ctx, b.sized(20), secrets, fill(n))
		if err != nil {
			return nil, 0, err
		}
		if p50 := Quantile(filled, 0.5); p50 < best {
			best, fastest = p50, n
		}
	}
	b.say("the bare client is fastest with %d writes at a time: %d in a new namespace in %.0f ms", fastest, secrets, best)
	return fill(fastest), fastest, nil
}

// fillNamespaces makes namespaces that a bare client fills, and says how soon each had all.
func (b *bench) fillNamespaces(ctx context.Context, n, secrets int, fill func(string) error) ([]float64, error) {
	a := arrivals{names: b.newNames(bareTargets, n), every: interval, then: fill}
	filled, _, err := b.stream(ctx, a, replicasOf("", secrets), rootCAs)
	return filled, err
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

// withGoals sets the goals of p50 and, unless it is zero, p99.
func withGoals(figures []Figure, p50, p99 float64) []Figure {
	for i, limit := range []float64{p50, p99} {
		if limit > 0 {
			figures[i].Goal, figures[i].Limit = fmt.Sprintf("at most %.1f", limit), limit
		}
	}
	return figures
}

func (b *bench) newNames(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = b.unique(prefix)
	}
	return names
}

// newNamespaceTimes says how many milliseconds after the request each of n new namespaces has what is expected of the
// controller, and Kubernetes' own ConfigMap.
func (b *bench) newNamespaceTimes(ctx context.Context, n int, measured expected) (ours, cas []float64, err error) {
	return b.stream(ctx, arrivals{names: b.newNames(newTargets, n), every: interval}, measured, rootCAs)
}

// expected is what a new namespace is to have.
type expected struct {
	resource schema.GroupVersionResource
	selector metav1.ListOptions
	// objects is how many there have to be, of those that count.
	objects int
	counts  func(sighting) bool
}

func created(s sighting) bool { return s.created }

// rootCAs is Kubernetes' own ConfigMap.
var rootCAs = expected{configMaps, metav1.ListOptions{FieldSelector: "metadata.name=" + rootCA}, 1, created}

// replicasOf is the replicas of a source, or those of so many sources if the name is empty.
func replicasOf(name string, sources int) expected {
	selector := metav1.ListOptions{}
	if name != "" {
		selector.FieldSelector = "metadata.name=" + name
	}
	return expected{secrets, selector, sources, created}
}

// arrivals are new namespaces.
type arrivals struct {
	names []string
	every time.Duration
	// then is called for each once it is there, unless it is nil.
	then func(namespace string) error
}

// stream makes namespaces and says how many milliseconds after the request each had the last of what is expected of the
// controller, and of the reference.
func (b *bench) stream(
	ctx context.Context, a arrivals, measured, reference expected,
) (ours, theirs []float64, err error) {
	var mu sync.Mutex
	begun := map[string]time.Time{}
	failed := make([]error, len(a.names))
	var following sync.WaitGroup
	makeNamespace := func(i int) error {
		mu.Lock()
		begun[a.names[i]] = time.Now()
		mu.Unlock()
		if err := b.namespaces(ctx, a.names[i]); err != nil || a.then == nil {
			return err
		}
		following.Go(func() { failed[i] = a.then(a.names[i]) })
		return nil
	}
	collect := func(e expected, out *[]float64) func(sighting) bool {
		counts := map[string]int{}
		return func(s sighting) bool {
			mu.Lock()
			defer mu.Unlock()
			start, known := begun[s.namespace]
			if !known || !e.counts(s) {
				return false
			}
			if counts[s.namespace]++; counts[s.namespace] == e.objects {
				*out = append(*out, milliseconds(s.at.Sub(start)))
			}
			return len(*out) == len(a.names)
		}
	}
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- b.observe(ctx, reference.resource, reference.selector,
			func() error { close(ready); return nil }, collect(reference, &theirs))
	}()
	err = b.observe(ctx, measured.resource, measured.selector, func() error {
		<-ready
		tick := time.NewTicker(a.every)
		defer tick.Stop()
		for i := range a.names {
			if err := makeNamespace(i); err != nil {
				return err
			}
			<-tick.C
		}
		following.Wait()
		return errors.Join(failed...)
	}, collect(measured, &ours))
	if err != nil {
		return nil, nil, fmt.Errorf("%d of %d namespaces have what is expected: %w", len(ours), len(a.names), err)
	}
	return ours, theirs, <-done
}

// behindFanOut has the other sources reach the new namespaces too: each needs fifty more writes.
func behindFanOut(ctx context.Context, b *bench) (Result, error) {
	return b.behindOthers(ctx, nil)
}

// behindOtherFanOut has the other sources keep out of the new namespaces: what is measured is the wait behind them.
func behindOtherFanOut(ctx context.Context, b *bench) (Result, error) {
	if b.options.Command != "" {
		return Result{}, fmt.Errorf("only Mirrorball's own way to exclude namespaces is known: leave this case out")
	}
	return b.behindOthers(ctx, map[string]string{"mirrorball.dev/exclude": newTargets + "-*"})
}

// behindOthers takes new namespaces' latency while the controller has some ten thousand other writes to do, for sources
// with these annotations. It compares it with Kubernetes' own ConfigMap under the same load, and with the same without
// the load; and the other writes with those of a bare client.
func (b *bench) behindOthers(ctx context.Context, annotations map[string]string) (Result, error) {
	sources := b.sized(50)
	existing, err := b.targetNamespaces(ctx, b.sized(200))
	if err != nil {
		return Result{}, err
	}
	bare, err := b.newBareClient(ctx, existing)
	if err != nil {
		return Result{}, err
	}
	const watched = "watched"
	if err := b.source(ctx, watched); err != nil {
		return Result{}, err
	}
	n := b.sized(25) // five seconds' worth: less than the fan-out takes
	var alone, replicas, cas quantiles
	refs, measured, err := b.rounds(ctx, func(int) (time.Duration, error) {
		return bare.unthrottled(func() (time.Duration, error) {
			took, _, err := bare.create(ctx, b.newNames("bare", sources)...)
			return took, err
		})
	}, func(int) (time.Duration, error) {
		quiet, _, err := b.newNamespaceTimes(ctx, n, replicasOf(watched, 1))
		if err != nil {
			return 0, err
		}
		names := b.newNames("fan-out", sources)
		fanned := make(chan error, 1)
		var took time.Duration
		go func() {
			var err error
			took, err = b.untilWritten(ctx, sources*len(existing), func() error {
				return parallel(sources, sources, func(i int) error { return b.sourceWith(ctx, names[i], annotations) })
			}, names...)
			fanned <- err
		}()
		during, reference, err := b.newNamespaceTimes(ctx, n, replicasOf(watched, 1))
		if err != nil {
			return 0, err
		}
		if err := <-fanned; err != nil {
			return 0, err
		}
		alone.add(quiet)
		replicas.add(during)
		cas.add(reference)
		b.say("p50 %.0f ms alone, %.0f ms behind a fan-out; %s %.0f ms", Quantile(quiet, 0.5), Quantile(during, 0.5), rootCA,
			Quantile(reference, 0.5))
		return took, parallel(sources, sources, func(i int) error { return b.remove(ctx, names[i]) })
	})
	if err != nil {
		return Result{}, err
	}
	result := throughput(refs, measured, bare)
	result.Figures[0].Name = "fan-out's throughput, of the bare client's"
	result.Figures = slices.Concat(
		withGoals(compare("of "+rootCA+"'s under the same load", &replicas, rootCA, &cas), 1.5, 2),
		withGoals(compare("of that without a fan-out", &replicas, "alone", &alone), 5, 0),
		result.Figures,
	)
	result.Samples = []Series{{"behind a fan-out", "ms", replicas.all}, {"alone", "ms", alone.all}}
	return result, nil
}
