package bench

import (
	"context"
	"fmt"
	"time"
)

// The share of a bare client's throughput that is to be reached.
const throughputGoal = 0.9

// rounds takes a reference and a measurement in turn, beginning with the other each time. The controller is stopped
// while the reference is taken: what it makes of the reference's objects would slow it down.
func (b *bench) rounds(
	ctx context.Context, reference, measure func(round int) (time.Duration, error),
) (refs, measured []float64, err error) {
	for round := range b.options.Rounds {
		var ref, took time.Duration
		takeReference := func() error {
			return b.withoutController(ctx, func() error {
				if ref, err = reference(round); err != nil {
					return fmt.Errorf("bare client: %w", err)
				}
				return nil
			})
		}
		takeMeasure := func() error {
			if took, err = measure(round); err != nil {
				return fmt.Errorf("controller: %w", err)
			}
			return nil
		}
		order := []func() error{takeReference, takeMeasure}
		if round%2 == 1 {
			order[0], order[1] = order[1], order[0]
		}
		for _, step := range order {
			if err := step(); err != nil {
				return nil, nil, err
			}
		}
		b.say("round %d: bare client %s, controller %s", round+1, ref.Round(time.Millisecond), took.Round(time.Millisecond))
		refs, measured = append(refs, milliseconds(ref)), append(measured, milliseconds(took))
	}
	return refs, measured, nil
}

func throughput(refs, measured []float64, c *bareClient) Result {
	return Result{
		Figures: []Figure{{
			Name: "throughput, of the bare client's", Unit: "×", Values: ratios(refs, measured),
			Goal: fmt.Sprintf("at least %.1f", throughputGoal), Limit: throughputGoal, AtLeast: true,
			Raw: []Series{{"bare client", "ms", refs}, {"controller", "ms", measured}},
		}},
		Notes: []string{fmt.Sprintf("The bare client was fastest with %d writes at a time.", c.concurrency)},
	}
}

func fanOut(ctx context.Context, b *bench) (Result, error) {
	return b.spread(ctx, 1, b.sized(1000))
}

func fanOutSmall(ctx context.Context, b *bench) (Result, error) {
	return b.spread(ctx, 1, b.sized(300))
}

func manySources(ctx context.Context, b *bench) (Result, error) {
	return b.spread(ctx, b.sized(50), b.sized(200))
}

// spread has so many sources spread into so many namespaces.
func (b *bench) spread(ctx context.Context, sources, count int) (Result, error) {
	namespaces, err := b.targetNamespaces(ctx, count)
	if err != nil {
		return Result{}, err
	}
	bare, err := b.newBareClient(ctx, namespaces)
	if err != nil {
		return Result{}, err
	}
	defer b.profile(ctx)()
	refs, measured, err := b.rounds(ctx, func(int) (time.Duration, error) {
		return bare.unthrottled(func() (time.Duration, error) {
			took, _, err := bare.create(ctx, b.newNames("bare", sources)...)
			return took, err
		})
	}, func(int) (time.Duration, error) {
		names := b.newNames("source", sources)
		return b.untilWritten(ctx, sources*count, func() error {
			return parallel(sources, sources, func(i int) error { return b.source(ctx, names[i]) })
		}, names...)
	})
	return throughput(refs, measured, bare), err
}

func rotation(ctx context.Context, b *bench) (Result, error) {
	return b.rotateAll(ctx, b.sized(1000))
}

func rotationSmall(ctx context.Context, b *bench) (Result, error) {
	return b.rotateAll(ctx, b.sized(300))
}

// rotateAll changes the data of a source with so many replicas.
func (b *bench) rotateAll(ctx context.Context, count int) (Result, error) {
	namespaces, err := b.targetNamespaces(ctx, count)
	if err != nil {
		return Result{}, err
	}
	bare, err := b.newBareClient(ctx, namespaces)
	if err != nil {
		return Result{}, err
	}
	const bareName, sourceName = "bare", "source"
	var versions map[[2]string]string
	err = b.withoutController(ctx, func() error {
		_, versions, err = bare.create(ctx, bareName)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	if _, err := b.untilWritten(ctx, count, func() error { return b.source(ctx, sourceName) }, sourceName); err != nil {
		return Result{}, err
	}
	defer b.profile(ctx)()
	refs, measured, err := b.rounds(ctx, func(round int) (time.Duration, error) {
		generation := 10 * round
		return bare.unthrottled(func() (time.Duration, error) {
			generation++
			return bare.rotate(ctx, bareName, generation, versions)
		})
	}, func(round int) (time.Duration, error) {
		return b.untilWritten(ctx, count, func() error { return b.change(ctx, sourceName, round+1) }, sourceName)
	})
	return throughput(refs, measured, bare), err
}
