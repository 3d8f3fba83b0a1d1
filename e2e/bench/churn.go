package bench

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

const (
	// churnInterval is that of new namespaces, and churnLife how long each is there before it is deleted.
	churnInterval = 50 * time.Millisecond
	churnLife     = 5 * time.Second
	churnPrefix   = targets + "churn"
)

// churn makes and deletes 3,600 namespaces at twenty a second, which takes three minutes. It says how far the
// controller falls behind, what that costs, and what is left of it afterwards.
func churn(ctx context.Context, b *bench) (Result, error) {
	sources, count := b.sized(10), b.sized(3600)
	if err := b.sources(ctx, sources); err != nil {
		return Result{}, err
	}
	if err := b.pause(ctx, pauseAfterLoad); err != nil {
		return Result{}, err
	}
	before, err := b.usage()
	if err != nil {
		return Result{}, err
	}
	defer b.profile(ctx)()
	backlog := b.sample(ctx, "mirrorball_workqueue_depth")
	var replicas, cas quantiles
	t, err := b.tally(ctx, func() error {
		ours, theirs, err := b.churnNamespaces(ctx, sources, count)
		replicas.add(ours)
		cas.add(theirs)
		return err
	})
	depths := backlog()
	if err != nil {
		return Result{}, err
	}
	after, err := b.usage()
	if err != nil {
		return Result{}, err
	}
	each := func(n float64) []float64 { return []float64{n / float64(count)} }
	figures := append(compare("of "+rootCA+"'s", &replicas, rootCA, &cas),
		Figure{Name: "CPU a namespace, made and deleted", Unit: "ms", Values: each((after.seconds - before.seconds) * 1000)},
		Figure{Name: "requests a namespace", Values: each(float64(total(t.requests)))},
		Figure{Name: "RSS afterwards, of that before", Unit: "×", Values: []float64{after.rss / before.rss}, Raw: []Series{
			{"before, at the peak and afterwards", "MB", []float64{before.rss, after.peak, after.rss}},
		}},
	)
	if left, ok := b.metric(ctx, "mirrorball_replicas"); ok {
		figures = append(figures,
			Figure{Name: "sources that wait for a worker, p99", Values: []float64{Quantile(depths, 0.99)}},
			Figure{Name: "replicas that it counts when all is gone", Values: []float64{left}, Goal: "none", Limit: 0})
	}
	return Result{
		Figures: figures,
		Samples: []Series{{"replica", "ms", replicas.all}, {rootCA, "ms", cas.all}},
		Notes:   []string{fmt.Sprintf("Requests for %d namespaces: %s.", count, describe(t.requests))},
	}, nil
}

// churnNamespaces makes and deletes namespaces, and waits until all are gone and the controller is at rest.
func (b *bench) churnNamespaces(ctx context.Context, sources, count int) (ours, cas []float64, err error) {
	a := arrivals{
		names: b.newNames(churnPrefix, count), every: churnInterval, then: func(namespace string) error {
			if err := b.pause(ctx, churnLife); err != nil {
				return err
			}
			return b.client.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{})
		},
	}
	if ours, cas, err = b.stream(ctx, a, replicasOf("", sources), rootCAs); err != nil {
		return nil, nil, err
	}
	b.say("p50 %.0f ms, p99 %.0f ms; %s %.0f and %.0f ms; waiting until all are gone", Quantile(ours, 0.5),
		Quantile(ours, 0.99), rootCA, Quantile(cas, 0.5), Quantile(cas, 0.99))
	err = harness.Poll(ctx, func(ctx context.Context) error {
		list, err := b.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		n := 0
		for i := range list.Items {
			if strings.HasPrefix(list.Items[i].Name, churnPrefix) {
				n++
			}
		}
		if n > 0 {
			return fmt.Errorf("%d namespaces are still there", n)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return ours, cas, b.pause(ctx, pauseAfterLoad)
}

// sample reads one of the controller's metrics four times a second until the returned function is called, which returns
// what it has read.
func (b *bench) sample(ctx context.Context, name string) (stop func() []float64) {
	ctx, cancel := context.WithCancel(ctx)
	read := make(chan []float64)
	go func() {
		var values []float64
		for b.pause(ctx, 250*time.Millisecond) == nil {
			if v, ok := b.metric(ctx, name); ok {
				values = append(values, v)
			}
		}
		read <- values
	}()
	return func() []float64 {
		cancel()
		return <-read
	}
}

// metric adds up the series of one of the controller's metrics. It returns false where there is none: other controllers
// have others.
func (b *bench) metric(ctx context.Context, name string) (sum float64, ok bool) {
	c, isOwn := b.subject.(*harness.Controller)
	if !isOwn {
		return 0, false
	}
	page, err := c.Get(ctx, "/metrics")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(page) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if series, _, _ = strings.Cut(series, "{"); series == name {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, false
			}
			sum += v
		}
	}
	return sum, true
}
