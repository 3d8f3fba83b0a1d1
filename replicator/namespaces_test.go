package replicator

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
)

// fence denies what an API server would deny to somebody with Roles in some namespaces, and notes it.
type fence struct {
	http.RoundTripper

	mu         sync.Mutex
	namespaces []string
	denied     []string
}

// permit adds a namespace.
func (f *fence) permit(namespace string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.namespaces = append(f.namespaces, namespace)
}

// takeDenied returns the different requests that were denied since the last call.
func (f *fence) takeDenied() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	denied := slices.Clone(f.denied)
	f.denied = nil
	slices.Sort(denied)
	return slices.Compact(denied)
}

// RoundTrip implements http.RoundTripper.
func (f *fence) RoundTrip(r *http.Request) (*http.Response, error) {
	_, rest, _ := strings.Cut(r.URL.Path, "/namespaces/")
	namespace, _, _ := strings.Cut(rest, "/")
	f.mu.Lock()
	permitted := slices.Contains(f.namespaces, namespace)
	if !permitted {
		f.denied = append(f.denied, r.Method+" "+r.URL.Path)
	}
	f.mu.Unlock()
	if permitted {
		return f.RoundTripper.RoundTrip(r)
	}
	body := `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`
	return &http.Response{
		StatusCode: http.StatusForbidden, Status: "403 Forbidden", Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewBufferString(body)),
	}, nil
}

// replicaOf makes what looks like a replica of a source.
func (w *runningTest) replicaOf(source, namespace, name string) {
	w.Helper()
	sourceNamespace, sourceName, _ := strings.Cut(source, "/")
	s := secret(namespace, name, map[string]string{annotations.ReplicaOf: source})
	s.Data = map[string][]byte{"v": []byte("replica")}
	s.Labels = map[string]string{
		annotations.LabelReplica: annotations.ReplicaPush, annotations.LabelSourceNamespace: sourceNamespace,
		annotations.LabelSourceName: sourceName,
	}
	if _, err := w.client.CoreV1().Secrets(namespace).Create(w.Context(), s, metav1.CreateOptions{}); err != nil {
		w.Fatal(err)
	}
}

// TestNamespaces runs a controller that looks at some namespaces, and may do nothing elsewhere.
func TestNamespaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f *fence
		w := newRunningTest(t, func(o *Options) {
			o.Namespaces = []string{"a", "from", "late"}
			f = &fence{RoundTripper: o.Config.Transport, namespaces: []string{o.Namespace, "a", "from"}}
			o.Config.Transport = f
		})
		w.replicaOf("others/gone", "a", "of-others")
		w.replicaOf("late/gone", "a", "of-late")
		w.replicaOf("from/gone", "a", "of-gone")
		w.replicaOf("from/gone", "b", "outside")
		w.put("from", "s", "one", "*")
		w.put("others", "x", "one", "a")
		w.holds("at first", map[string]string{
			"a/s": "one", "b/s": "", "late/s": "", "a/x": "", "others/s": "",
			"a/of-others": "replica", "a/of-late": "replica", "a/of-gone": "", "b/outside": "replica",
		})
		if denied := f.takeDenied(); !slices.Equal(denied, []string{"GET /api/v1/namespaces/late"}) {
			t.Errorf("denied was %q, want no more than to look for the namespace", denied)
		}

		f.permit("late")
		late := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "late"}}
		if _, err := w.client.CoreV1().Namespaces().Create(w.Context(), late, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		w.holds("when the namespace is there", map[string]string{"late/s": "one", "a/of-others": "replica", "a/of-late": ""})

		w.put("from", "s", "two", "late")
		w.holds("after an edit", map[string]string{"a/s": "", "late/s": "two"})

		if err := w.client.CoreV1().Secrets("from").Delete(t.Context(), "s", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		w.holds("when the source is gone", map[string]string{"late/s": "", "b/outside": "replica"})
		if denied := f.takeDenied(); len(denied) > 0 {
			t.Errorf("denied was %q, want nothing", denied)
		}
	})
}

// TestIgnoreServiceAccounts: nothing is attached, no ServiceAccount is looked at, and the source is told.
func TestIgnoreServiceAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen seenPaths
		w := newRunningTest(t, func(o *Options) {
			o.IgnoreServiceAccounts = true
			seen.RoundTripper, o.Config.Transport = o.Config.Transport, &seen
		})
		s := secret("from", "s", map[string]string{annotations.PushTo: "a", annotations.AttachToServiceAccounts: "*"})
		s.Type, s.Data = corev1.SecretTypeDockerConfigJson, map[string][]byte{corev1.DockerConfigJsonKey: []byte("{}")}
		if _, err := w.client.CoreV1().Secrets("from").Create(t.Context(), s, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
		if _, err := w.client.CoreV1().ServiceAccounts("a").Create(t.Context(), sa, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		w.put("from", "marker", "one", "b")
		w.holds("in the end", map[string]string{"b/marker": "one"})
		if n := w.events(reasonIgnored); n != 1 {
			t.Errorf("%d events say that the annotation has no effect, want one", n)
		}
		if paths := seen.with("serviceaccounts"); len(paths) > 0 {
			t.Errorf("ServiceAccounts were asked for: %q", paths)
		}
	})
}

// seenPaths notes the paths of requests.
type seenPaths struct {
	http.RoundTripper
	mu    sync.Mutex
	paths []string
}

// RoundTrip implements http.RoundTripper.
func (s *seenPaths) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.paths = append(s.paths, r.URL.Path)
	s.mu.Unlock()
	return s.RoundTripper.RoundTrip(r)
}

func (s *seenPaths) with(word string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.paths), func(path string) bool { return !strings.Contains(path, word) })
}

// TestInspectNamespaces: an Inspector asks for no more than the controller may.
func TestInspectNamespaces(t *testing.T) {
	server := apiservertest.New(apiservertest.Options{})
	t.Cleanup(server.Close)
	client := kubernetes.NewForConfigOrDie(&rest.Config{Host: "http://sim", Transport: server.RoundTripper("user")})
	for _, name := range []string{"mirrorball-system", "from", "a", "b"} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := client.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*corev1.Secret{
		secret("from", "s", map[string]string{annotations.PushTo: "*"}), secret("a", "copy", nil), secret("b", "copy", nil),
		secret("b", "x", map[string]string{annotations.PushTo: "a"}),
	} {
		if _, err := client.CoreV1().Secrets(s.Namespace).Create(t.Context(), s, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	everywhere, err := annotations.ParseNamespacePatterns("*")
	if err != nil {
		t.Fatal(err)
	}
	f := &fence{RoundTripper: server.RoundTripper("reader"), namespaces: []string{"mirrorball-system", "from", "a"}}
	i, err := NewInspector(Options{
		Config: &rest.Config{Host: "http://sim", Transport: f}, Kinds: []annotations.Kind{annotations.Secret},
		Namespace: "mirrorball-system", Namespaces: []string{"a", "from", "late"}, SourceNamespaces: everywhere,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		i.List(t.Context()), i.Edit(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "b"}}), i.Decide(t.Context()),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	decisions := i.Decisions()
	if len(decisions) != 1 || len(decisions[0].Writes) != 1 || decisions[0].Writes[0].Object.Namespace != "a" {
		t.Errorf("decided was %+v, want one replica in a", decisions)
	}
	if copies, err := i.Copies(t.Context()); err != nil || len(copies) != 1 || copies[0].Object.Namespace != "a" {
		t.Errorf("the copies are %v, %v, want the one in a", copies, err)
	}
	if _, err := i.Select(t.Context(), "", labels.Everything()); err != nil {
		t.Error(err)
	}
	if denied := f.takeDenied(); !slices.Equal(denied, []string{"GET /api/v1/namespaces/late"}) {
		t.Errorf("denied was %q, want no more than to look for the namespace", denied)
	}
}
