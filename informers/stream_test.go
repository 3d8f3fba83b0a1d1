package informers

import (
	"context"
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

func TestFailureReasons(t *testing.T) {
	secrets := schema.GroupResource{Resource: "secrets"}
	broken := apierrors.NewClientErrorReporter(http.StatusInternalServerError, "GET", string(watchBroken)).
		AsObject(errors.New("client connection lost"))
	tests := map[string]struct {
		err  error
		want string
	}{
		"connection refused":        {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "unreachable"},
		"a broken watch":            {apierrors.FromObject(broken), "unreachable"},
		"a watch that ends at once": {errShortWatch, "unreachable"},
		"410 Expired":               {apierrors.NewResourceExpired("too old"), "expired"},
		"401":                       {apierrors.NewUnauthorized("no"), "forbidden"},
		"403":                       {apierrors.NewForbidden(secrets, "", errors.New("no")), "forbidden"},
		"429":                       {apierrors.NewTooManyRequests("later", 1), "overloaded"},
		"500":                       {apierrors.NewInternalError(errors.New("etcd")), "overloaded"},
		"503":                       {apierrors.NewServiceUnavailable("starting"), "overloaded"},
		"504":                       {apierrors.NewTimeoutError("slow", 1), "overloaded"},
		"400":                       {apierrors.NewBadRequest("what?"), "other"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := failureNames[failureOf(tc.err)]; got != tc.want {
				t.Errorf("the reason is %q, want %q", got, tc.want)
			}
		})
	}
}

// streamTest is a Stream over a list and watches that the test feeds.
type streamTest struct {
	Stream
	err   error
	watch *watch.FakeWatcher
}

func (s *streamTest) observed() cache.ListerWatcherWithContext {
	return cache.ToListerWatcherWithContext(s.observe(cache.ToListerWatcherWithContext(&cache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			return &corev1.SecretList{}, s.err
		},
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
			s.watch = watch.NewFake()
			return s.watch, s.err
		},
	})))
}

func (s *streamTest) open(t *testing.T) watch.Interface {
	t.Helper()
	w, err := s.observed().WatchWithContext(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestStream: events and bookmarks pass through, and are noted once they are taken.
func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s streamTest
		w := s.open(t)
		before, began := s.Moves(), time.Now()
		<-time.After(time.Minute)
		go s.watch.Action(watch.Bookmark, &corev1.Secret{})
		<-time.After(time.Minute)
		if s.Moves() != before || s.LastEvent().After(began) {
			t.Error("a bookmark counts before anybody has taken it")
		}
		if event := <-w.ResultChan(); event.Type != watch.Bookmark {
			t.Errorf("the event is %s", event.Type)
		}
		synctest.Wait()
		if s.Moves() == before || !s.LastEvent().Equal(time.Now()) {
			t.Error("a bookmark that was taken does not count")
		}
		w.Stop()
		if _, ok := <-w.ResultChan(); ok {
			t.Error("there is an event after the end")
		}
		if failures := s.failed(); len(failures) > 0 {
			t.Errorf("there are failures: %v", failures)
		}
	})
}

// TestStoppedStream: a watch that is stopped with an event that nobody takes leaves no goroutine behind.
func TestStoppedStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s streamTest
		w := s.open(t)
		s.watch.Add(&corev1.Secret{})
		w.Stop()
		w.Stop()
		synctest.Wait()
	})
}

func TestFailedStream(t *testing.T) {
	refused := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", errors.New("no"))
	expired := apierrors.NewResourceExpired("too old").Status()
	tests := map[string]struct {
		do   func(t *testing.T, s *streamTest)
		want map[string]uint64
	}{
		"a list is refused": {func(t *testing.T, s *streamTest) {
			s.err = refused
			if _, err := s.observed().ListWithContext(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
				t.Errorf("the error is %v", err)
			}
		}, map[string]uint64{"forbidden": 1}},
		"a watch is refused": {func(t *testing.T, s *streamTest) {
			s.err = refused
			_, err := s.observed().WatchWithContext(t.Context(), metav1.ListOptions{})
			if !apierrors.IsForbidden(err) {
				t.Errorf("the error is %v", err)
			}
		}, map[string]uint64{"forbidden": 1}},
		"a watch ends with an error": {func(t *testing.T, s *streamTest) {
			w := s.open(t)
			go s.watch.Error(&expired)
			<-w.ResultChan()
			w.Stop()
		}, map[string]uint64{"expired": 1}},
		"a watch ends at once": {func(t *testing.T, s *streamTest) {
			w := s.open(t)
			s.watch.Stop()
			<-w.ResultChan()
		}, map[string]uint64{"unreachable": 1}},
		"a watch ends after a while": {func(t *testing.T, s *streamTest) {
			w := s.open(t)
			<-time.After(time.Minute)
			s.watch.Stop()
			<-w.ResultChan()
		}, map[string]uint64{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s streamTest
				tc.do(t, &s)
				synctest.Wait()
				if diff := cmp.Diff(tc.want, s.failed()); diff != "" {
					t.Errorf("failures (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// failed returns the failures there were.
func (s *Stream) failed() map[string]uint64 {
	byReason := s.Failures()
	for reason, n := range byReason {
		if n == 0 {
			delete(byReason, reason)
		}
	}
	return byReason
}
