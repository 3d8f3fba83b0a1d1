package firstpods

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/wait"
)

const (
	// fanOutFrom is the namespace of the fan-out's sources, fanOutTo begins the names of its targets.
	fanOutFrom = "fan-out"
	fanOutTo   = "fan-out-"
	// fanOutTargets is how many targets there are at most. More writes are more sources.
	fanOutTargets = 200
	// fanOutSize is the size of a source's data.
	fanOutSize = 1 << 10
)

// fanOut is other work for Mirrorball that never ends: as soon as all replicas are written, their sources change again.
type fanOut struct {
	*runner
	sources, targets int
	begin            time.Time
	// before is how many replicas had been updated at the beginning.
	before int
	cancel context.CancelFunc
	ended  chan error
}

func (f *fanOut) writes() int { return f.sources * f.targets }

// startFanOut makes sources, targets and replicas, and has the sources change from now on.
func (r *runner) startFanOut(ctx context.Context) (*fanOut, error) {
	sources := (r.options.Writes + fanOutTargets - 1) / fanOutTargets
	f := &fanOut{runner: r, sources: sources, targets: r.options.Writes / sources, ended: make(chan error, 1)}
	r.screen.Checkf("a fan-out of %d sources into %d namespaces: %d writes", f.sources, f.targets, f.writes())
	if err := r.createNamespace(ctx, fanOutFrom); err != nil {
		return nil, err
	}
	for i := range f.targets {
		if err := r.createNamespace(ctx, fmt.Sprintf("%s%d", fanOutTo, i)); err != nil {
			return nil, err
		}
	}
	if err := f.round(ctx, 0, "create"); err != nil {
		return nil, err
	}
	var err error
	if f.before, err = f.written(ctx, "update"); err != nil {
		return nil, err
	}
	f.begin = time.Now()
	ctx, f.cancel = context.WithCancel(ctx)
	go func() { f.ended <- f.run(ctx) }()
	return f, nil
}

// run has one fan-out follow the other until ctx ends.
func (f *fanOut) run(ctx context.Context) error {
	for generation := 1; ctx.Err() == nil; generation++ {
		if err := f.round(ctx, generation, "update"); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// round writes the sources, and returns when as many replicas have been written in this way.
func (f *fanOut) round(ctx context.Context, generation int, verb string) error {
	before, err := f.written(ctx, verb)
	if err != nil {
		return err
	}
	if err := f.write(ctx, generation); err != nil {
		return err
	}
	return wait.Until(ctx, nil, func(ctx context.Context) error {
		now, err := f.written(ctx, verb)
		if err == nil && now-before < f.writes() {
			err = fmt.Errorf("%d of %d replicas are written", now-before, f.writes())
		}
		return err
	})
}

// write creates the sources, or changes them.
func (f *fanOut) write(ctx context.Context, generation int) error {
	for i := range f.sources {
		source := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: fanOutFrom, Name: fmt.Sprintf("source-%d", i),
				Annotations: map[string]string{"mirrorball.dev/push-to": fanOutTo + "*"},
			},
			StringData: map[string]string{"data": fmt.Sprint(generation) + strings.Repeat("x", fanOutSize)},
		}
		var err error
		if secrets := f.client.CoreV1().Secrets(fanOutFrom); generation == 0 {
			_, err = secrets.Create(ctx, source, metav1.CreateOptions{})
		} else {
			_, err = secrets.Update(ctx, source, metav1.UpdateOptions{})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// written is how many replicas Mirrorball has written, as its metrics say. A watch of so many replicas would be work
// for the API server that is not to be measured.
func (f *fanOut) written(ctx context.Context, verb string) (total int, err error) {
	pods := f.client.CoreV1().Pods(system)
	list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=mirrorball"})
	if err != nil {
		return 0, err
	}
	sample := regexp.MustCompile(`(?m)^mirrorball_actions_total\{result="ok",verb="` + verb + `"\} (.+)$`)
	for _, pod := range list.Items {
		page, err := pods.ProxyGet("http", pod.Name, "8080", "/metrics", nil).DoRaw(ctx)
		if err != nil {
			return 0, fmt.Errorf("ask Mirrorball's Pod %s for metrics: %w", pod.Name, err)
		}
		if match := sample.FindSubmatch(page); match != nil { // a standby has none
			value, err := strconv.ParseFloat(string(match[1]), 64)
			if err != nil {
				return 0, err
			}
			total += int(value)
		}
	}
	return total, nil
}

// stop ends the fan-out, and returns a line about it.
func (f *fanOut) stop(ctx context.Context) (note string, err error) {
	f.cancel()
	if err := <-f.ended; err != nil {
		return "", err
	}
	now, err := f.written(ctx, "update")
	if err != nil {
		return "", err
	}
	count, took := now-f.before, time.Since(f.begin).Seconds()
	return fmt.Sprintf("Meanwhile Mirrorball wrote %d replicas in %.0f s, %.0f a second: a fan-out of %d writes was "+
		"followed by the next one.", count, took, float64(count)/took, f.writes()), nil
}
