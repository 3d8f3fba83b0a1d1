package replicator

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
)

// outage is a transport that can be cut.
type outage struct {
	http.RoundTripper
	away atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (o *outage) RoundTrip(r *http.Request) (*http.Response, error) {
	if o.away.Load() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	return o.RoundTripper.RoundTrip(r)
}

// runningTest is a running controller, and a user of the same API server.
type runningTest struct {
	*testing.T
	server *apiservertest.Server
	client kubernetes.Interface
	outage *outage

	mu sync.Mutex
	// writes counts what the controller has written, by resource.
	writes map[string]int
}

const controllerName = "controller"

// newRunningTest starts the controller, with the namespaces from, a, b and others. It must be called in a bubble of
// testing/synctest.
func newRunningTest(t *testing.T) *runningTest { return newRunningTestOf(t, func(*Options) {}) }

// newRunningTestOf is newRunningTest with other options.
func newRunningTestOf(t *testing.T, edit func(*Options)) *runningTest {
	w := &runningTest{T: t, writes: map[string]int{}}
	w.server = apiservertest.New(apiservertest.Options{OnCommit: w.count})
	t.Cleanup(w.server.Close)
	w.outage = &outage{RoundTripper: w.server.RoundTripper(controllerName)}
	w.client = kubernetes.NewForConfigOrDie(&rest.Config{
		Host: "http://sim", Transport: w.server.RoundTripper("user"), QPS: -1,
	})
	for _, name := range []string{"mirrorball-system", "from", "a", "b", "others"} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := w.client.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := annotations.ParseNamespacePatterns("*")
	if err != nil {
		t.Fatal(err)
	}
	options := Options{
		Config: &rest.Config{Host: "http://sim", Transport: w.outage, QPS: -1},
		Kinds:  []annotations.Kind{annotations.Secret}, Namespace: "mirrorball-system", SourceNamespaces: all,
		SourceDeleteGrace: time.Minute, Workers: 2, WriteConcurrency: 2, Registry: prometheus.NewRegistry(),
	}
	edit(&options)
	c, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(klog.NewContext(t.Context(), logr.Discard())) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Errorf("the controller ended: %v", err)
		}
	})
	return w
}

func (w *runningTest) count(c apiservertest.Change) {
	if c.By == controllerName {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.writes[c.Resource]++
	}
}

// takeWrites returns how many times the controller has written a resource since the last call.
func (w *runningTest) takeWrites(resource string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.writes[resource]
	w.writes[resource] = 0
	return n
}

// events returns how many events with a reason there are.
func (w *runningTest) events(reason string) (n int) {
	w.Helper()
	list, err := w.client.EventsV1().Events("").List(w.Context(), metav1.ListOptions{})
	if err != nil {
		w.Fatal(err)
	}
	for i := range list.Items {
		if list.Items[i].Reason == reason {
			n++
		}
	}
	return n
}

// put makes a Secret, or changes it. Without a place to push to it is none of Mirrorball's.
func (w *runningTest) put(namespace, name, value, to string) {
	w.Helper()
	secrets, ctx := w.client.CoreV1().Secrets(namespace), w.Context()
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: map[string][]byte{"v": []byte(value)},
	}
	if to != "" {
		s.Annotations = map[string]string{annotations.PushTo: to}
	}
	_, err := secrets.Update(ctx, s, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		_, err = secrets.Create(ctx, s, metav1.CreateOptions{})
	}
	if err != nil {
		w.Fatal(err)
	}
}

// holds compares what Secrets hold once the controller has had time for all that it has to do; "" is for none.
func (w *runningTest) holds(moment string, want map[string]string) {
	w.Helper()
	<-time.After(5 * time.Minute) // of the bubble's
	synctest.Wait()
	list, err := w.client.CoreV1().Secrets("").List(w.Context(), metav1.ListOptions{})
	if err != nil {
		w.Fatal(err)
	}
	got := map[string]string{}
	for i := range list.Items {
		got[list.Items[i].Namespace+"/"+list.Items[i].Name] = string(list.Items[i].Data["v"])
	}
	for name, value := range want {
		if got[name] != value {
			w.Errorf("%s: %s holds %q, want %q", moment, name, got[name], value)
		}
	}
}
