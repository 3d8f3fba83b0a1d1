package bench

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func strangersLarge(ctx context.Context, b *bench) (Result, error) {
	growth, _, err := strangers(ctx, b, b.sized(5000), 100<<10)
	if err != nil {
		return Result{}, err
	}
	const limit = 10
	for i := range growth {
		growth[i].Goal, growth[i].Limit = fmt.Sprintf("at most %d MB", limit), limit
	}
	return Result{Figures: growth}, nil
}

func strangersSmall(ctx context.Context, b *bench) (Result, error) {
	count := b.sized(50000)
	growth, each, err := strangers(ctx, b, count, 200)
	if err != nil {
		return Result{}, err
	}
	const limit = 400
	for i := range each {
		each[i].Goal, each[i].Limit = fmt.Sprintf("at most %d B", limit), limit
	}
	return Result{Figures: append(growth, each...)}, nil
}

// strangers compares the memory of a controller on a cluster that has so many Secrets which concern nobody with that on
// an empty one beside it: in all, and for each of them.
func strangers(ctx context.Context, b *bench, count, size int) (growth, each []Figure, err error) {
	empty, err := start(ctx, b.options, b.name)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, empty.close()) }()
	if err := b.fill(ctx, count, size); err != nil {
		return nil, nil, err
	}
	var without, with struct{ steady, peak []float64 }
	for round := range b.options.Rounds {
		for _, side := range []struct {
			on  *bench
			out *struct{ steady, peak []float64 }
		}{{empty, &without}, {b, &with}} {
			steady, peak, err := side.on.freshMemory(ctx)
			if err != nil {
				return nil, nil, err
			}
			side.out.steady, side.out.peak = append(side.out.steady, steady), append(side.out.peak, peak)
		}
		b.say("round %d: %.1f MB, at the peak %.1f; without them %.1f and %.1f", round+1,
			with.steady[round], with.peak[round], without.steady[round], without.peak[round])
	}
	figure := func(what string, with, without []float64) {
		f := Figure{Name: "RSS gained, " + what, Unit: "MB", Raw: []Series{{"without", "MB", without}, {"with", "MB", with}}}
		e := Figure{Name: "RSS a Secret, " + what, Unit: "B"}
		for i := range with {
			f.Values = append(f.Values, with[i]-without[i])
			e.Values = append(e.Values, (with[i]-without[i])*1e6/float64(count))
		}
		growth, each = append(growth, f), append(each, e)
	}
	figure("steady", with.steady, without.steady)
	figure("peak", with.peak, without.peak)
	return growth, each, nil
}

// freshMemory starts the controller anew and says what it holds when it has come to rest, and what it held at most.
func (b *bench) freshMemory(ctx context.Context) (steady, peak float64, err error) {
	if err := b.subject.Stop(ctx); err != nil {
		return 0, 0, err
	}
	if err := b.subject.Start(ctx); err != nil {
		return 0, 0, err
	}
	if err := b.pause(ctx, pauseAfterLoad); err != nil {
		return 0, 0, err
	}
	return memory(b.subject.PID())
}

// fill makes Secrets that concern nobody, in fifty namespaces.
func (b *bench) fill(ctx context.Context, count, size int) error {
	names := make([]string, 50)
	for i := range names {
		names[i] = fmt.Sprintf("bench-strangers-%02d", i)
	}
	if err := b.namespaces(ctx, names...); err != nil {
		return err
	}
	b.say("making %d Secrets of %d bytes", count, size)
	data := map[string][]byte{"data": make([]byte, size)}
	return parallel(count, setupConcurrency, func(i int) error {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("stranger-%06d", i)}, Data: data}
		_, err := b.client.CoreV1().Secrets(names[i%len(names)]).Create(ctx, s, metav1.CreateOptions{})
		return err
	})
}
