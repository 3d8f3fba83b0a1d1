package bench

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// scale adds sources until there are a hundred thousand replicas, and looks at what the controller holds and needs at
// each stage. The no-op pass is provoked by an edit of every source that concerns no replica.
func scale(ctx context.Context, b *bench) (Result, error) {
	const namespaces = 1000
	if _, err := b.targetNamespaces(ctx, b.sized(namespaces)); err != nil {
		return Result{}, err
	}
	defer b.profile(ctx)()
	var replicas, rss, converge, rate, pass []float64
	sources := 0
	for _, stage := range []int{10, 30, 100} {
		b.say("%d replicas", stage*b.sized(namespaces))
		before := time.Now()
		added := stage - sources
		if err := b.replicate(ctx, added, b.sized(namespaces)); err != nil {
			return Result{}, err
		}
		took := time.Since(before)
		sources = stage
		cpu, err := b.pass(ctx)
		if err != nil {
			return Result{}, err
		}
		now, _, err := memory(b.subject.PID())
		if err != nil {
			return Result{}, err
		}
		replicas = append(replicas, float64(stage*b.sized(namespaces)))
		rss = append(rss, now)
		converge = append(converge, took.Seconds())
		rate = append(rate, float64(added*b.sized(namespaces))/took.Seconds())
		pass = append(pass, cpu)
		b.say("%.0f MB; %s, %.0f a second; a pass without work takes %.2f s of CPU", now, took.Round(time.Millisecond),
			rate[len(rate)-1], cpu)
	}
	_, peak, err := memory(b.subject.PID())
	if err != nil {
		return Result{}, err
	}
	last := len(replicas) - 1
	audit, err := b.auditFigures(ctx, replicas[last])
	if err != nil {
		return Result{}, err
	}
	return Result{
		Figures: append([]Figure{
			{
				Name: fmt.Sprintf("peak RSS with %.0f replicas", replicas[last]), Unit: "MB", Values: []float64{peak},
				Goal: "at most 400 MB", Limit: 400,
				Raw: []Series{{"replicas", "", replicas}, {"RSS", "MB", rss}},
			},
			{
				Name: fmt.Sprintf("CPU of a pass without work over %.0f replicas", replicas[last]), Unit: "s",
				Values: []float64{pass[last]}, Goal: "under 1 s", Limit: 1,
				Raw: []Series{{"replicas", "", replicas}, {"CPU", "s", pass}},
			},
			{
				Name: "replicas a second, of those at the first stage", Unit: "×", Values: []float64{rate[last] / rate[0]},
				Raw: []Series{{"replicas", "", replicas}, {"to converge", "s", converge}, {"replicas a second", "", rate}},
			},
		}, audit...),
	}, nil
}

// pass edits every source and says how much processor time the controller takes to find that nothing is to be done.
func (b *bench) pass(ctx context.Context) (float64, error) {
	if err := b.pause(ctx, pauseAfterLoad); err != nil { // what the writes have left
		return 0, err
	}
	before, err := cpuSeconds(b.subject.PID())
	if err != nil {
		return 0, err
	}
	list, err := b.client.CoreV1().Secrets(home).List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, err
	}
	err = parallel(len(list.Items), setupConcurrency, func(i int) error {
		s := &list.Items[i]
		if s.Labels == nil {
			s.Labels = map[string]string{}
		}
		s.Labels["bench.example.com/edited"] = fmt.Sprint(b.serial)
		_, err := b.client.CoreV1().Secrets(home).Update(ctx, s, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return 0, err
	}
	if err := b.pause(ctx, pauseAfterLoad); err != nil {
		return 0, err
	}
	after, err := cpuSeconds(b.subject.PID())
	return after - before, err
}
