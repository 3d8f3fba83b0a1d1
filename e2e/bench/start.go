package bench

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// startUp has a hundred thousand replicas, one of which is missing, and says how long a process takes from its start
// until it is ready, and until it has made the missing one. A bare client's list of all Secrets stands beside it.
func startUp(ctx context.Context, b *bench) (Result, error) {
	const sources, watched = 100, "watched"
	count := b.sized(1000)
	namespaces, err := b.targetNamespaces(ctx, count)
	if err != nil {
		return Result{}, err
	}
	b.say("making %d replicas", sources*count)
	if err := b.replicate(ctx, sources-1, count); err != nil {
		return Result{}, err
	}
	if _, err := b.untilWritten(ctx, count, func() error { return b.source(ctx, watched) }, watched); err != nil {
		return Result{}, err
	}
	var list, ready, wrote, cpu, peak []float64
	for round := range b.options.Rounds {
		if err := b.subject.Stop(ctx); err != nil {
			return Result{}, err
		}
		listed, err := b.listSecrets(ctx)
		if err != nil {
			return Result{}, err
		}
		untilReady, untilWrote, err := b.startWithout(ctx, namespaces[round%count], watched)
		if err != nil {
			return Result{}, err
		}
		if err := b.pause(ctx, pauseAfterLoad); err != nil {
			return Result{}, err
		}
		used, err := b.usage()
		if err != nil {
			return Result{}, err
		}
		list, ready = append(list, listed.Seconds()), append(ready, untilReady.Seconds())
		wrote, cpu, peak = append(wrote, untilWrote.Seconds()), append(cpu, used.seconds), append(peak, used.peak)
		b.say("round %d: ready after %.2f s, the first write after %.2f s; a bare client's list takes %.2f s; %.2f s of "+
			"CPU, %.0f MB at the peak", round+1, untilReady.Seconds(), untilWrote.Seconds(), listed.Seconds(),
			used.seconds, used.peak)
	}
	return Result{Figures: []Figure{
		{
			Name: "until ready, of a bare client's list of all Secrets", Unit: "×", Values: ratios(ready, list),
			Raw: []Series{{"bare client's list", "s", list}, {"until ready", "s", ready}},
		},
		{
			Name: "until the first write, of a bare client's list of all Secrets", Unit: "×", Values: ratios(wrote, list),
			Raw: []Series{{"until the first write", "s", wrote}},
		},
		{Name: "CPU of a start", Unit: "s", Values: cpu},
		{Name: "peak RSS of a start", Unit: "MB", Values: peak},
	}}, nil
}

// listSecrets says how long a client takes to list all Secrets at once.
func (b *bench) listSecrets(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	_, err := b.client.CoreV1().Secrets("").List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	return time.Since(begin), err
}

// startWithout deletes a replica and starts the controller, which has to be stopped, and says when it was ready and
// when it had made the replica again.
func (b *bench) startWithout(ctx context.Context, namespace, name string) (ready, wrote time.Duration, err error) {
	if err := b.client.CoreV1().Secrets(namespace).Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return 0, 0, err
	}
	var begin time.Time
	started := make(chan error, 1)
	one := metav1.ListOptions{FieldSelector: "metadata.name=" + name + ",metadata.namespace=" + namespace}
	err = b.observe(ctx, secrets, one, func() error {
		begin = time.Now()
		err := b.subject.Start(ctx)
		ready = time.Since(begin)
		started <- err
		return err
	}, func(s sighting) bool {
		wrote = s.at.Sub(begin)
		return s.created
	})
	if err != nil {
		return 0, 0, err
	}
	err = <-started
	return ready, wrote, err
}
