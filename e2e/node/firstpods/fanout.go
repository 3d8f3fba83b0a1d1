package firstpods

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

const (
	// fanOutFrom is the namespace of the fan-out's sources, fanOutTo begins the names of its targets.
	fanOutFrom = "fan-out"
	fanOutTo   = "fan-out-"
	// fanOutTargets is how many targets there are at most. More writes are more sources.
	fanOutTargets = 200
	// fanOutSize is the size of a source's data.
	fanOutSize = 1 << 10
	// fanOutLimit is how long the first fan-out may take.
	fanOutLimit = 10 * time.Minute
)

// fanOut is other work for Mirrorball that never ends: as soon as all replicas are written, their sources change again.
type fanOut struct {
	*runner
	sources, targets int
	// written counts the writes to replicas.
	written atomic.Int64
	begin   time.Time
	cancel  context.CancelFunc
	ended   chan error
}

// startFanOut makes sources and targets, and returns when all replicas are there and their sources have changed.
func (r *runner) startFanOut(ctx context.Context) (*fanOut, error) {
	sources := (r.options.Writes + fanOutTargets - 1) / fanOutTargets
	f := &fanOut{runner: r, sources: sources, targets: r.options.Writes / sources, ended: make(chan error, 1)}
	r.screen.Checkf("a fan-out of %d sources into %d namespaces: %d writes", f.sources, f.targets, f.sources*f.targets)
	if err := r.createNamespace(ctx, fanOutFrom); err != nil {
		return nil, err
	}
	for i := range f.targets {
		if err := r.createNamespace(ctx, fmt.Sprintf("%s%d", fanOutTo, i)); err != nil {
			return nil, err
		}
	}
	ctx, f.cancel = context.WithCancel(ctx)
	underWay := make(chan struct{})
	go func() { f.ended <- f.run(ctx, underWay) }()
	timer := time.NewTimer(fanOutLimit)
	defer timer.Stop()
	select {
	case <-underWay:
		return f, nil
	case err := <-f.ended:
		return nil, err
	case <-timer.C:
		f.cancel()
		return nil, errors.Join(<-f.ended,
			fmt.Errorf("expected %d replicas, got %d within %s", f.sources*f.targets, f.written.Load(), fanOutLimit))
	}
}

// run has one fan-out follow the other until ctx ends. The first one is not counted.
func (f *fanOut) run(ctx context.Context, underWay chan<- struct{}) error {
	events, err := f.metadata.Resource(corev1.SchemeGroupVersion.WithResource("secrets")).Watch(ctx, metav1.ListOptions{
		LabelSelector: "mirrorball.dev/source-namespace=" + fanOutFrom,
	})
	if err != nil {
		return err
	}
	defer events.Stop()
	for generation := 0; ; generation++ {
		if err := f.write(ctx, generation); err != nil {
			return ended(ctx, err)
		}
		if generation == 1 {
			f.written.Store(0)
			f.begin = time.Now()
			close(underWay)
		}
		for range f.sources * f.targets {
			if err := f.awaitWrite(ctx, events); err != nil {
				return ended(ctx, err)
			}
		}
	}
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

func (f *fanOut) awaitWrite(ctx context.Context, events watch.Interface) error {
	for {
		select {
		case event, open := <-events.ResultChan():
			switch {
			case !open || event.Type == watch.Error:
				return errors.New("the watch of the replicas ended")
			case event.Type == watch.Added || event.Type == watch.Modified:
				f.written.Add(1)
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ended returns no error where ctx is the reason.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// stop ends the fan-out, and returns a line about it.
func (f *fanOut) stop() (note string, err error) {
	f.cancel()
	err = <-f.ended
	written, took := f.written.Load(), time.Since(f.begin)
	return fmt.Sprintf("Meanwhile Mirrorball wrote %d replicas in %.0f s, %.0f a second: a fan-out of %d writes was "+
		"followed by the next one.", written, took.Seconds(), float64(written)/took.Seconds(), f.sources*f.targets), err
}
