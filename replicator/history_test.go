package replicator

import (
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

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

// etcdTest is a running controller, and a user of the same API server.
type etcdTest struct {
	*testing.T
	server *apiservertest.Server
	client kubernetes.Interface
	outage *outage
}

// newETCDTest starts the controller, with the namespaces from, a, b and others. It must be called in a bubble of
// testing/synctest.
func newETCDTest(t *testing.T) *etcdTest {
	server := apiservertest.New(apiservertest.Options{})
	t.Cleanup(server.Close)
	w := &etcdTest{T: t, server: server, outage: &outage{RoundTripper: server.RoundTripper("controller")}}
	w.client = kubernetes.NewForConfigOrDie(&rest.Config{
		Host: "http://sim", Transport: server.RoundTripper("user"), QPS: -1,
	})
	for _, name := range []string{"from", "a", "b", "others"} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := w.client.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := annotations.ParseNamespacePatterns("*")
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{
		Config: &rest.Config{Host: "http://sim", Transport: w.outage, QPS: -1},
		Kinds:  []annotations.Kind{annotations.Secret}, Namespace: "mirrorball-system", SourceNamespaces: all,
		SourceDeleteGrace: time.Minute, Workers: 2, WriteConcurrency: 2, Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Errorf("the controller ended: %v", err)
		}
	})
	return w
}

// put makes a Secret, or changes it. Without a place to push to it is none of Mirrorball's.
func (w *etcdTest) put(namespace, name, value, to string) {
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
func (w *etcdTest) holds(when string, want map[string]string) {
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
			w.Errorf("%s: %s holds %q, want %q", when, name, got[name], value)
		}
	}
}

// TestEtcdRestored: the same process goes on after etcd was restored from a backup.
func TestEtcdRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newETCDTest(t)
		w.put("from", "s", "one", "a")
		w.put("others", "s", "theirs", "")
		w.holds("before", map[string]string{"a/s": "one", "b/s": ""})
		backup := w.server.Version()
		w.put("from", "s", "two", "*")
		w.put("from", "later", "x", "a")
		w.holds("after the backup", map[string]string{"a/s": "two", "b/s": "two", "a/later": "x", "others/s": "theirs"})

		w.outage.away.Store(true)
		w.server.Restore(backup)
		<-time.After(20 * time.Second)
		w.outage.away.Store(false)
		w.holds("restored", map[string]string{"a/s": "one", "b/s": "", "from/later": "", "a/later": "", "others/s": "theirs"})

		w.put("from", "s", "three", "a,b")
		w.put("from", "later", "y", "b")
		w.holds("after that", map[string]string{"a/s": "three", "b/s": "three", "b/later": "y", "others/s": "theirs"})
	})
}
