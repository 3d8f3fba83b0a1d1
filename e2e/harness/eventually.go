package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/wait"
)

// waitLimit bounds a wait whose condition never comes true while something else moves all the time.
const waitLimit = 8 * time.Minute

// StopLimit is how long a controller may take to end, on any machine.
const StopLimit = 2 * time.Minute

// Progress describes how far something has come: a wait goes on for as long as the text changes.
type Progress = wait.Progress

// Eventually waits until check has no error. It fails the test when neither the error nor progress has changed for a
// minute. progress may be nil, where the errors say how far it has come.
func Eventually(t testing.TB, progress Progress, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	begin := time.Now()
	if err := wait.Until(ctx, progress, func(context.Context) error { return check() }); err != nil {
		t.Fatalf("after %s still: %v", time.Since(begin).Round(time.Second), err)
	}
}

// Eventually waits until check has no error. It fails the test when the controllers of the system have nothing more to
// do and the error stays the same.
func (s *System) Eventually(t testing.TB, check func() error) {
	t.Helper()
	Eventually(t, s.ControllerProgress, check)
}

// Receive waits for a value from a channel, as Eventually does; missing is for the test's failure. A channel that is
// closed gives the zero value.
func Receive[T any](t testing.TB, progress Progress, channel <-chan T, missing string) (value T) {
	t.Helper()
	Eventually(t, progress, func() error {
		select {
		case value = <-channel:
			return nil
		default:
			return errors.New(missing)
		}
	})
	return value
}

// Poll checks until there is no error. It gives up when ctx ends or the error has not changed for a minute.
func Poll(ctx context.Context, check func(context.Context) error) error {
	return wait.Until(ctx, nil, check)
}

// moving are the metrics that change while a controller works.
var moving = []string{
	"mirrorball_reconcile_seconds_count", "mirrorball_actions_total", "mirrorball_source_reads_total",
	"mirrorball_workqueue_adds_total", "mirrorball_workqueue_depth", "mirrorball_leading",
}

// ControllerProgress is what the controllers of the system have done and have still to do, as their metrics say.
func (s *System) ControllerProgress(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, pageLimit)
	defer cancel()
	var text strings.Builder
	for _, c := range s.started() {
		page, err := c.Get(ctx, "/metrics")
		if err != nil {
			continue // it has ended, or is too busy to answer
		}
		for line := range strings.Lines(page) {
			for _, name := range moving {
				if sample, ok := strings.CutPrefix(line, name); ok && (sample[0] == ' ' || sample[0] == '{') {
					text.WriteString(" " + strings.TrimSpace(line))
				}
			}
		}
	}
	return text.String()
}

// WriteProgress is the resourceVersion of the cluster, which every write moves.
func (s *System) WriteProgress(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, pageLimit)
	defer cancel()
	list, err := s.Client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return err.Error()
	}
	return "resourceVersion " + list.ResourceVersion
}

// pageLimit bounds a question for progress: a process that was stopped does not answer.
const pageLimit = 2 * time.Second

// FolderProgress is the size of all files in a folder: that of the logs of what was started there.
func FolderProgress(dir string) Progress {
	return func(context.Context) string {
		var size int64
		_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // it was removed meanwhile
			}
			if info, err := entry.Info(); err == nil {
				size += info.Size()
			}
			return nil
		})
		return fmt.Sprintf("%d bytes in its folder", size)
	}
}

// gone has no error when the object is not there.
func (s *System) gone(ctx context.Context, resource, namespace, name string) error {
	_, err := s.Dynamic.Resource(corev1.SchemeGroupVersion.WithResource(resource)).Namespace(namespace).
		Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s %s/%s is still there", resource, namespace, name)
}

// WaitGone waits until an object (of "secrets", "configmaps" …) is not there.
func (s *System) WaitGone(t testing.TB, resource, namespace, name string) {
	t.Helper()
	s.Eventually(t, func() error { return s.gone(t.Context(), resource, namespace, name) })
}
