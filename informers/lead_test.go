package informers_test

import (
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
)

// stallable is the body of a watch that can be held back.
type stallable struct {
	io.ReadCloser
	test   *etcdTest
	once   sync.Once
	closed chan struct{}
}

// Read implements io.Reader.
func (s *stallable) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.test.mu.Lock()
	stalled := s.test.stalled
	s.test.mu.Unlock()
	if stalled != nil {
		select {
		case <-stalled:
		case <-s.closed:
			return 0, io.ErrClosedPipe
		}
	}
	return n, err
}

// Close implements io.Closer.
func (s *stallable) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.ReadCloser.Close()
}

// stall holds back all watches until the returned function is called.
func (w *etcdTest) stall() (resume func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	stalled := make(chan struct{})
	w.stalled = stalled
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.stalled = nil
		close(stalled)
	}
}

// shows compares what the caches show of from/s with the server.
func (w *etcdTest) shows(when string) {
	w.Helper()
	s, err := w.client.CoreV1().Secrets("from").Get(w.Context(), "s", metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	if got := w.cluster.Get(key("from")).Identity().Version.String(); got != s.ResourceVersion {
		w.Errorf("%s: from/s is shown at version %s, and is at %s", when, got, s.ResourceVersion)
	}
}

// TestLead: a standby is told of nothing, and of all that there is when it leads.
func TestLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newStandbyTest(t, apiservertest.Options{})
		w.put("to")
		<-time.After(time.Minute)
		synctest.Wait()
		if len(w.notified) > 0 {
			t.Errorf("a standby was told of %v", w.notified)
		}
		w.cluster.Lead(t.Context())
		synctest.Wait()
		if err := w.cluster.Synced(); err != nil {
			t.Error(err)
		}
		if change := w.notified[key("from")]; !change.Scope.Full {
			t.Errorf("a leader was told of %v, want the source whole", w.notified)
		}
	})
}

// TestConfirm: a store is confirmed when it has everything from before the process led.
func TestConfirm(t *testing.T) {
	for title, options := range map[string]apiservertest.Options{
		"with streamed lists": {}, "with plain lists": {NoWatchList: true},
	} {
		t.Run("at rest no list is needed, "+title, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newStandbyTest(t, options)
				w.put("to")
				<-time.After(90 * time.Second)
				w.advance(w.server.Version() + 10) // which no watch is about
				lists := w.lists.Load()
				w.cluster.Lead(t.Context())
				w.cluster.Confirm(t.Context())
				if !w.cluster.Confirmed() || w.lists.Load() != lists {
					t.Errorf("confirmed: %t, with %d lists", w.cluster.Confirmed(), w.lists.Load()-lists)
				}
			})
		})
		t.Run("one that is behind is not, "+title, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newStandbyTest(t, options)
				w.put("to")
				<-time.After(90 * time.Second)
				resume := w.stall()
				w.put("from")
				w.cluster.Lead(t.Context())
				go w.cluster.Confirm(t.Context())
				<-time.After(time.Second)
				if w.cluster.Confirmed() {
					t.Error("a store is confirmed that is behind")
				}
				<-time.After(30 * time.Second)
				resume()
				<-time.After(time.Minute)
				if !w.cluster.Confirmed() {
					t.Error("a store is not confirmed that has caught up")
				}
				w.shows("confirmed")
			})
		})
		t.Run("one that has what never happened is listed again, "+title, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newStandbyTest(t, options)
				w.put("a")
				backup := w.server.Version()
				w.advance(backup + 500)
				w.put("b")
				<-time.After(90 * time.Second)
				w.server.Restore(backup)
				w.cluster.Lead(t.Context())
				w.cluster.Confirm(t.Context())
				w.shows("confirmed")
			})
		})
	}
}

// TestConfirmWithoutNamespace: a namespace that has gone, with the Role in it, does not keep the others from being
// confirmed.
func TestConfirmWithoutNamespace(t *testing.T) {
	for title, before := range map[string]time.Duration{
		"gone while others led": time.Minute, "going as this process leads": 0,
	} {
		t.Run(title, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newStandbyTest(t, apiservertest.Options{}, "from", "to")
				w.put("to")
				<-time.After(90 * time.Second)
				w.deny("to")
				<-time.After(before)
				w.cluster.Lead(t.Context())
				go w.cluster.Confirm(t.Context())
				<-time.After(time.Minute)
				if !w.cluster.Confirmed() {
					t.Error("the stores of the namespace that has gone are still to be confirmed")
				}
				w.shows("confirmed")
			})
		})
	}
}
