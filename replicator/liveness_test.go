package replicator

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"

	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
	"github.com/mirrorball-dev/mirrorball/replicator/liveness"
)

// connection is a transport to the API server that a test degrades.
type connection struct {
	next http.RoundTripper
	// hung: no request is answered, and no watch delivers, until it is false.
	hung atomic.Bool
	// mute is a part of the URL of watches that deliver nothing, and stay open for as long as the client wants.
	mute atomic.Value
	// refused is a part of the URL of requests that are answered with 403.
	refused atomic.Value
	// plain drops the wish for bookmarks.
	plain bool
	// slow is how many nanoseconds a request takes.
	slow atomic.Int64
}

func matches(r *http.Request, part *atomic.Value) bool {
	text, _ := part.Load().(string)
	return text != "" && strings.Contains(r.URL.String(), text)
}

// RoundTrip implements http.RoundTripper.
func (c *connection) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := c.wait(r); err != nil {
		return nil, err
	}
	<-time.After(time.Duration(c.slow.Load()))
	if matches(r, &c.refused) {
		header := http.Header{"Content-Type": {"application/json"}}
		body := io.NopCloser(strings.NewReader(
			`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`))
		return &http.Response{StatusCode: http.StatusForbidden, Header: header, Body: body}, nil
	}
	if c.plain {
		r = r.Clone(r.Context())
		query := r.URL.Query()
		query.Del("allowWatchBookmarks")
		r.URL.RawQuery = query.Encode()
	}
	response, err := c.next.RoundTrip(r)
	if err == nil && r.URL.Query().Get("watch") != "" {
		response.Body = &degraded{response.Body, c, r}
	}
	return response, err
}

func (c *connection) wait(r *http.Request) error {
	for c.hung.Load() {
		select {
		case <-r.Context().Done():
			return r.Context().Err()
		case <-time.After(time.Second):
		}
	}
	return nil
}

type degraded struct {
	io.ReadCloser
	connection *connection
	request    *http.Request
}

func (d *degraded) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	if waiting := d.connection.wait(d.request); waiting != nil {
		return 0, waiting
	}
	if matches(d.request, &d.connection.mute) {
		<-d.request.Context().Done()
		return 0, d.request.Context().Err()
	}
	return n, err
}

// livenessTest is a running controller, and a monitor of what it does.
type livenessTest struct {
	*runningTest
	monitor    liveness.Monitor
	connection *connection
}

func newLivenessTest(t *testing.T, c *connection) *livenessTest {
	// They sleep by the clock outside the bubble.
	before := utilruntime.ErrorHandlers
	utilruntime.ErrorHandlers = nil
	t.Cleanup(func() { utilruntime.ErrorHandlers = before })
	w := &livenessTest{connection: c}
	answers := liveness.NewAnswers()
	options := apiservertest.Options{NoWatchList: c.plain}
	w.runningTest = newRunningTestOn(t, options, func(o *Options) {
		c.next = o.Config.Transport
		o.Config.Transport = answers.Wrap(c)
	})
	w.monitor.Watch(w.controller.Subjects(answers)...)
	go w.monitor.Run(t.Context())
	w.put("from", "s", "one", "a,b")
	w.holds("at first", map[string]string{"a/s": "one", "b/s": "one"})
	return w
}

// passes looks at all checks for a while.
func (w *livenessTest) passes(d time.Duration) {
	w.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		<-time.After(5 * time.Second)
		if problem := w.failing(); problem != "" {
			w.Fatalf("with %s left: %s", time.Until(end), problem)
		}
	}
}

func (w *livenessTest) failing() string {
	for _, check := range liveness.Checks() {
		if err := w.monitor.Check(check); err != nil {
			return check + ": " + err.Error()
		}
	}
	return ""
}

// TestAliveController: nothing fails where the API server has nothing to tell, is away, does not answer, or refuses.
func TestAliveController(t *testing.T) {
	tests := map[string]struct {
		// plain asks for no bookmarks.
		plain      bool
		begin, end func(w *livenessTest)
	}{
		"nothing happens": {},
		"nothing happens, and there is no bookmark": {plain: true},
		"the API server is away": {
			begin: func(w *livenessTest) { w.outage.away.Store(true); w.hangUp() },
			end:   func(w *livenessTest) { w.outage.away.Store(false) },
		},
		"the API server does not answer": {
			begin: func(w *livenessTest) { w.connection.hung.Store(true) },
			end:   func(w *livenessTest) { w.connection.hung.Store(false) },
		},
		"the API server refuses a watch": {
			begin: func(w *livenessTest) { w.connection.refused.Store("api/v1/secrets"); w.hangUp() },
			end:   func(w *livenessTest) { w.connection.refused.Store("") },
		},
		"a pass over many targets takes long": {
			begin: func(w *livenessTest) {
				for i := range 200 {
					ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("many-", i)}}
					if _, err := w.client.CoreV1().Namespaces().Create(w.Context(), ns, metav1.CreateOptions{}); err != nil {
						w.Fatal(err)
					}
				}
				w.connection.slow.Store(int64(requestTimeout - time.Second))
				w.put("from", "many", "one", "many-*")
			},
			end: func(w *livenessTest) { w.connection.slow.Store(0) },
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newLivenessTest(t, &connection{plain: tc.plain})
				if tc.begin != nil {
					tc.begin(w)
				}
				w.put("from", "s", "two", "a,b") // there is something to do
				w.passes(3 * time.Hour)
				if tc.end != nil {
					tc.end(w)
				}
				w.passes(time.Hour)
				w.holds("in the end", map[string]string{"a/s": "two", "b/s": "two"})
			})
		})
	}
}

// hangUp ends the watches.
func (w *livenessTest) hangUp() {
	w.server.Restore(w.server.Version())
}

// TestStalledWatch: a watch that stays open and delivers nothing fails, while the API server answers others.
func TestStalledWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLivenessTest(t, &connection{})
		w.connection.mute.Store("fieldSelector=metadata.name%3Dmirrorball")
		w.passes(streamLimit - time.Minute)
		<-time.After(3 * time.Minute)
		const want = "watches: the watch of rules has delivered neither an event nor a bookmark, although the API server " +
			"answers other requests, for 1"
		if got := w.failing(); !strings.HasPrefix(got, want) {
			t.Errorf("failing is %q, want %q", got, want)
		}
		w.connection.mute.Store("")
	})
}

// TestWorkerSubject: a worker fails in a pass that makes no progress, and not while it waits for the API server.
func TestWorkerSubject(t *testing.T) {
	tests := map[string]struct {
		work func(w *worker)
		want bool
	}{
		"between two passes": {func(w *worker) { w.begin(queueKey("a"))() }, false},
		"in a pass that stands still": {func(w *worker) {
			w.begin(queueKey("a"))
			w.wait()()
		}, true},
		"in a pass that waits for the API server": {func(w *worker) {
			w.begin(queueKey("a"))
			w.wait()
		}, false},
		"in a pass of many requests": {func(w *worker) {
			end := w.begin(queueKey("a"))
			for range 1000 {
				<-time.After(time.Minute)
				w.wait()()
			}
			end()
		}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var monitor liveness.Monitor
				w := newWorkers(1)[0]
				monitor.Watch(w.subject())
				go monitor.Run(t.Context())
				go tc.work(w)
				failed := false
				for range 2000 {
					<-time.After(time.Minute)
					err := monitor.Check("workers")
					failed = failed || err != nil
					if err != nil && strings.Contains(err.Error(), "from") {
						t.Fatalf("everybody can read the name of the source: %v", err)
					}
				}
				if failed != tc.want {
					t.Errorf("the check has failed: %v, want %v", failed, tc.want)
				}
			})
		})
	}
}

// TestQueueSubject: the queue fails when sources wait and nobody takes them.
func TestQueueSubject(t *testing.T) {
	type world struct {
		c *Controller
		w *worker
	}
	tests := map[string]struct {
		work func(x world)
		want bool
	}{
		"nothing waits":                     {func(x world) { x.c.working.Store(true) }, false},
		"the workers have not been started": {func(x world) { x.c.queue.Add(queueKey("a")) }, false},
		"nobody takes what waits": {func(x world) {
			x.c.working.Store(true)
			x.c.queue.Add(queueKey("a"))
		}, true},
		"the worker waits for the API server": {func(x world) {
			x.c.working.Store(true)
			x.c.queue.Add(queueKey("a"))
			x.w.wait()
		}, false},
		"what waits is taken, one a minute": {func(x world) {
			x.c.working.Store(true)
			for i := range 60 {
				x.c.queue.Add(queueKey(string(rune('a' + i))))
			}
			for range 60 {
				take(x.c.queue, 1)
				<-time.After(time.Minute)
			}
		}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &Controller{queue: newTestQueue(t), workers: newWorkers(1)}
				var monitor liveness.Monitor
				monitor.Watch(c.queueSubject())
				go monitor.Run(t.Context())
				go tc.work(world{c, c.workers[0]})
				<-time.After(30 * time.Minute)
				if err := monitor.Check("queue"); (err != nil) != tc.want {
					t.Errorf("the check says %v, want a failure: %v", err, tc.want)
				}
				<-time.After(time.Hour)
			})
		})
	}
}

// TestOldestWaiting: a source keeps its age when it becomes urgent.
func TestOldestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTestQueue(t)
		want := func(what string, d time.Duration) {
			t.Helper()
			if got := q.OldestWaiting(); got != d {
				t.Errorf("%s the oldest has waited for %s, want %s", what, got, d)
			}
		}
		want("in an empty queue", 0)
		for _, name := range []string{"a", "b", "c"} {
			q.Add(queueKey(name))
			<-time.After(time.Minute)
		}
		want("of three", 3*time.Minute)
		q.AddUrgent(queueKey("b"))
		take(q, 1)
		want("without the urgent one", 3*time.Minute)
		take(q, 1)
		want("without the first", time.Minute)
		take(q, 1)
		want("of none", 0)
	})
}

// TestLivenessMetrics gathers the metrics of a controller that runs.
func TestLivenessMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLivenessTest(t, &connection{})
		registry := prometheus.NewPedanticRegistry()
		if err := registry.Register(newLivenessMetrics(w.controller)); err != nil {
			t.Fatal(err)
		}
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		series := map[string]int{}
		for _, family := range families {
			series[family.GetName()] = len(family.GetMetric())
		}
		streams := len(w.controller.cluster.Streams())
		for name, want := range map[string]int{
			"mirrorball_watch_last_event_timestamp_seconds": streams,
			"mirrorball_watch_requests_total":               2 * streams,
			"mirrorball_watch_failures_total":               5 * streams,
			"mirrorball_workqueue_oldest_waiting_seconds":   1,
			"mirrorball_worker_running_seconds":             4, // two, and as many for urgent changes
		} {
			if series[name] != want {
				t.Errorf("%s has %d series, want %d", name, series[name], want)
			}
		}
	})
}
