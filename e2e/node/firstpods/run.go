package firstpods

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// runCase measures a case.
func (r *runner) runCase(ctx context.Context, name string) (result Result, err error) {
	r.screen.Begin("First Pods, " + name)
	// The first Pods of a node pay for what later ones find. They are not counted.
	if _, err := r.measure(ctx, name+"-warm-up", 1); err != nil {
		return result, err
	}
	if name == FanOut {
		load, err := r.startFanOut(ctx)
		if err != nil {
			return result, err
		}
		defer func() {
			var failed error
			result.Note, failed = load.stop(ctx)
			err = errors.Join(err, failed)
		}()
	}
	outcomes, err := r.measure(ctx, name, r.options.Pods)
	return Result{Case: name, Batch: r.options.Batch, outcomes: outcomes}, err
}

// measure starts so many Pods in each way, batch after batch. The order of the ways alternates.
func (r *runner) measure(ctx context.Context, name string, count int) (outcomes [waysCount][]outcome, err error) {
	order := []int{byHand, byMirrorball, needless}
	for done := 0; done < count; done += r.options.Batch {
		size := min(r.options.Batch, count-done)
		for _, way := range order {
			batch, err := r.tryBatch(ctx, r.ways()[way], fmt.Sprintf("%s-%d", name, done), size)
			if err != nil {
				return outcomes, err
			}
			outcomes[way] = append(outcomes[way], batch...)
		}
		slices.Reverse(order)
		r.screen.Checkf("%d of %d Pods in each way", done+size, count)
	}
	return outcomes, nil
}

// tryBatch starts Pods at the same time, each in a namespace of its own.
func (r *runner) tryBatch(ctx context.Context, w way, name string, size int) ([]outcome, error) {
	outcomes, errs := make([]outcome, size), make([]error, size)
	var trials sync.WaitGroup
	for i := range size {
		trials.Go(func() { outcomes[i], errs[i] = r.tryPod(ctx, w, fmt.Sprintf("%s%s-%d", w.prefix, name, i)) })
	}
	trials.Wait()
	return outcomes, errors.Join(errs...)
}
