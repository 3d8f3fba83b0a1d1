package harness

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/wait"
)

// CatchUp returns when the controller has dealt with all that was there before the call. It sends a marker through each
// of the controller's watches (sources, namespaces, replicas) and its queue: it changes a source for a namespace that
// is made after that, waits for the replica, deletes the replica and waits until there is another. It edits none, since
// the guard of deploy/ refuses that.
//
// Tests that call it at the same time share a marker: one that is begun after all of them have called.
func (s *System) CatchUp(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	if err := s.markers.next(ctx, s.sendMarker); err != nil {
		t.Fatalf("the controller did not catch up with a marker: %v", err)
	}
}

// markers has the markers of a system follow each other, one at a time.
type markers struct {
	mu      sync.Mutex
	running *round
	waiting *round // begins when the running one has ended

	from string // the namespace of the markers' source, once there is one
}

// round is one marker, for all who wait for it.
type round struct {
	done chan struct{}
	err  error // read only when done is closed
}

// next waits for the next marker that begins after the call.
func (m *markers) next(ctx context.Context, send func(context.Context) error) error {
	m.mu.Lock()
	r := m.waiting
	if r == nil {
		r = &round{done: make(chan struct{})}
		m.waiting = r
		if m.running == nil {
			m.begin(send)
		}
	}
	m.mu.Unlock()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return fmt.Errorf("another test's marker is under way: %w", ctx.Err())
	}
}

// begin begins the round that is waited for. m.mu is held.
func (m *markers) begin(send func(context.Context) error) {
	r := m.waiting
	m.running, m.waiting = r, nil
	go func() {
		// It outlives the test that began it: others wait for it, too.
		ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
		defer cancel()
		r.err = send(ctx)
		close(r.done)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.running = nil
		if m.waiting != nil {
			m.begin(send)
		}
	}()
}

// markerName is the name of the markers' source.
const markerName = "marker"

// sendMarker sends one marker and waits for it.
func (s *System) sendMarker(ctx context.Context) error {
	to := "marker-to-" + rand.String(8)
	if err := s.aimMarker(ctx, to); err != nil {
		return err
	}
	if err := s.makeNamespace(ctx, to); err != nil {
		return err
	}
	defer func() { _ = s.dropNamespace(context.WithoutCancel(ctx), to) }() // no test depends on it
	first, err := s.awaitMarker(ctx, to, "")
	if err != nil {
		return fmt.Errorf("the replica in a new namespace: %w", err)
	}
	if err := s.Client.CoreV1().Secrets(to).Delete(ctx, markerName, metav1.DeleteOptions{}); err != nil {
		return err
	}
	if _, err := s.awaitMarker(ctx, to, first); err != nil {
		return fmt.Errorf("a replica that was deleted: %w", err)
	}
	return nil
}

// aimMarker changes the markers' source, or makes it: it holds the name of the one namespace that it is pushed into.
func (s *System) aimMarker(ctx context.Context, to string) error {
	source := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: markerName, Annotations: map[string]string{"mirrorball.dev/push-to": to}},
		Data:       map[string][]byte{"marker": []byte(to)},
	}
	if s.markers.from != "" {
		_, err := s.Client.CoreV1().Secrets(s.markers.from).Update(ctx, source, metav1.UpdateOptions{})
		return err
	}
	from := "marker-from-" + rand.String(8)
	if err := s.makeNamespace(ctx, from); err != nil {
		return err
	}
	if _, err := s.Client.CoreV1().Secrets(from).Create(ctx, source, metav1.CreateOptions{}); err != nil {
		return err
	}
	s.markers.from = from
	return nil
}

// dropMarkers deletes the namespace of the markers' source, in a cluster that stays.
func (s *System) dropMarkers(ctx context.Context) error {
	if s.markers.from == "" {
		return nil
	}
	return s.dropNamespace(ctx, s.markers.from)
}

func (s *System) makeNamespace(ctx context.Context, name string) error {
	object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := s.Client.CoreV1().Namespaces().Create(ctx, object, metav1.CreateOptions{})
	return err
}

// awaitMarker waits until there is a replica of the marker other than the one before, and returns its UID.
func (s *System) awaitMarker(ctx context.Context, to string, before types.UID) (now types.UID, err error) {
	err = wait.Until(ctx, s.ControllerProgress, func(ctx context.Context) error {
		replica, err := s.Client.CoreV1().Secrets(to).Get(ctx, markerName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return errors.New("it is not there")
		}
		if err != nil {
			return err
		}
		if got := string(replica.Data["marker"]); got != to || replica.UID == before {
			return fmt.Errorf("it holds %q and is %s: want another that holds %q", got, replica.UID, to)
		}
		now = replica.UID
		return nil
	})
	return now, err
}

func isNotFoundOrConflict(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsConflict(err)
}
