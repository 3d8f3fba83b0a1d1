package informers_test

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
)

// etcdTest is a cluster that watches an API server whose etcd can be restored.
type etcdTest struct {
	*testing.T
	cluster *informers.Cluster
	server  *apiservertest.Server
	client  kubernetes.Interface
	away    atomic.Bool
	// lists counts the lists of all objects, streamed or not.
	lists atomic.Int32

	mu sync.Mutex
	// stalled is closed when watches go on that are held back; nil where none is.
	stalled chan struct{}
	// denied is a namespace without a Role; empty is none.
	denied string
	// notified are the sources that were told of.
	notified map[informers.Key]informers.Change
}

// newETCDTest returns one whose caches are filled, and that leads. It must be called in a bubble of testing/synctest.
func newETCDTest(t *testing.T, options apiservertest.Options) *etcdTest {
	w := newStandbyTest(t, options)
	w.cluster.Lead(t.Context())
	synctest.Wait()
	return w
}

// newStandbyTest returns one whose caches are filled, of some namespaces or of all, and that does not lead.
func newStandbyTest(t *testing.T, options apiservertest.Options, namespaces ...string) *etcdTest {
	w := &etcdTest{T: t, server: apiservertest.New(options)}
	t.Cleanup(w.server.Close)
	w.client = kubernetes.NewForConfigOrDie(&rest.Config{
		Host: "http://sim", Transport: w.server.RoundTripper("user"), QPS: -1,
	})
	config := &rest.Config{Host: "http://sim", Transport: w, QPS: -1}
	w.cluster = informers.NewTestClusterOf(config, w.notify, namespaces...)
	for _, name := range []string{"from", "to"} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := w.client.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	go w.cluster.Run(t.Context())
	synctest.Wait()
	if err := w.cluster.Synced(); err != nil {
		t.Fatal(err)
	}
	return w
}

// RoundTrip implements http.RoundTripper for the cluster.
func (w *etcdTest) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.away.Load() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	if w.isDenied(r.URL.Path) {
		body := `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`
		return &http.Response{
			StatusCode: http.StatusForbidden, Request: r, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(body)),
		}, nil
	}
	query := r.URL.Query()
	if query.Has("sendInitialEvents") || !query.Has("watch") && !query.Has("limit") {
		w.lists.Add(1)
	}
	response, err := w.server.RoundTripper("cluster").RoundTrip(r)
	if err == nil && query.Has("watch") {
		response.Body = &stallable{ReadCloser: response.Body, test: w, closed: make(chan struct{})}
	}
	return response, err
}

// deny takes away the Role in a namespace, as happens when the namespace is deleted.
func (w *etcdTest) deny(namespace string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.denied = namespace
}

func (w *etcdTest) isDenied(path string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.denied != "" && strings.HasPrefix(path+"/", "/api/v1/namespaces/"+w.denied+"/")
}

func (w *etcdTest) notify(source informers.Key, change informers.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.notified == nil {
		w.notified = map[informers.Key]informers.Change{}
	}
	merged := w.notified[source]
	merged.Add(change)
	w.notified[source] = merged
}

// put makes the Secret from/s, or changes it, for a source that pushes to a namespace.
func (w *etcdTest) put(to string) {
	w.Helper()
	secrets, ctx := w.client.CoreV1().Secrets("from"), w.Context()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: "from", Name: "s", Annotations: map[string]string{annotations.PushTo: to},
	}}
	_, err := secrets.Update(ctx, s, metav1.UpdateOptions{})
	if err != nil {
		_, err = secrets.Create(ctx, s, metav1.CreateOptions{})
	}
	if err != nil {
		w.Fatal(err)
	}
}

// putReplica makes the replica to/s of from/s, or changes it, and returns it as the answer to that write.
func (w *etcdTest) putReplica(value string) *informers.Replica {
	w.Helper()
	secrets, ctx := w.client.CoreV1().Secrets("to"), w.Context()
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "to", Name: "s", Annotations: map[string]string{annotations.ReplicaOf: "from/s"},
			Labels: map[string]string{annotations.LabelReplica: annotations.ReplicaPush},
		},
		Data: map[string][]byte{"a": []byte(value)},
	}
	got, err := secrets.Update(ctx, s, metav1.UpdateOptions{})
	if err != nil {
		got, err = secrets.Create(ctx, s, metav1.CreateOptions{})
	}
	if err != nil {
		w.Fatal(err)
	}
	r, err := w.cluster.DigestKey().Replica(got, informers.ContentOfSecret(got))
	if err != nil {
		w.Fatal(err)
	}
	return r
}

// advance writes until the server's version is at least this.
func (w *etcdTest) advance(to uint64) {
	w.Helper()
	for i := 0; w.server.Version() < to; i++ {
		cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "to", Name: "other-" + strconv.Itoa(i)}}
		if _, err := w.client.CoreV1().ConfigMaps("to").Create(w.Context(), cm, metav1.CreateOptions{}); err != nil {
			w.Fatal(err)
		}
	}
}

func key(namespace string) informers.Key {
	return informers.Key{
		Kind: annotations.Secret, NamespacedName: types.NamespacedName{Namespace: namespace, Name: "s"},
	}
}

// hasCaughtUp waits for long enough that every watch is there again, and compares what the caches show with the server.
func (w *etcdTest) hasCaughtUp(what string) {
	w.Helper()
	<-time.After(5 * time.Minute) // of the bubble's
	synctest.Wait()
	for _, namespace := range []string{"from", "to"} {
		want := ""
		s, err := w.client.CoreV1().Secrets(namespace).Get(w.Context(), "s", metav1.GetOptions{})
		if err == nil {
			want = s.ResourceVersion
		}
		got := ""
		if id := w.cluster.Get(key(namespace)).Identity(); id != nil {
			got = id.Version.String()
		}
		if got != want {
			w.Errorf("%s: %s/s is shown at version %q, and is at %q", what, namespace, got, want)
		}
	}
}

// TestEtcdRestored: resourceVersions go back, and the caches show what is there nevertheless, and what comes after it.
func TestEtcdRestored(t *testing.T) {
	for title, options := range map[string]apiservertest.Options{
		"with streamed lists": {}, "with plain lists": {NoWatchList: true},
	} {
		for outage, restore := range map[string]func(w *etcdTest, backup, last uint64){
			"the API server is back at once": func(w *etcdTest, backup, _ uint64) { w.server.Restore(backup) },
			"the API server was away, and versions have caught up": func(w *etcdTest, backup, last uint64) {
				w.away.Store(true)
				w.server.Restore(backup)
				<-time.After(time.Minute)
				w.advance(last + 10)
				w.away.Store(false)
			},
		} {
			t.Run(title+", "+outage, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newETCDTest(t, options)
					w.put("a")
					backup := w.server.Version()
					w.put("b")
					w.putReplica("one")
					w.advance(backup + 500)
					w.put("c") // the last version that is seen
					w.hasCaughtUp("before")
					restore(w, backup, w.server.Version())
					w.hasCaughtUp("restored")
					w.put("d")
					w.putReplica("two")
					w.hasCaughtUp("changed after that")
				})
			})
		}
	}
}

// TestAnswerBeforeRestore: the answer to a write is not believed any more once that is lost.
func TestAnswerBeforeRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newETCDTest(t, apiservertest.Options{})
		w.put("a")
		w.putReplica("one")
		w.hasCaughtUp("before")
		backup := w.server.Version()
		w.advance(backup + 500)
		w.away.Store(true)
		w.server.Restore(backup) // the watches end
		r := w.putReplica("two")
		r.Version += 500
		w.cluster.Observe(annotations.Secret, r)
		if got := w.cluster.Get(key("to")).Identity().Version; got != r.Version {
			t.Fatalf("the answer to a write is not taken in: the replica is shown at version %d", got)
		}
		<-time.After(time.Minute)
		w.away.Store(false)
		w.hasCaughtUp("restored")
	})
}
