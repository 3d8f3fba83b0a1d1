package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
)

// startCluster is the script command `cluster FILE`: an API server in memory with the objects of a manifest, for which
// $KUBECONFIG is set.
func startCluster(ts *testscript.TestScript, _ bool, args []string) {
	server := apiservertest.New(apiservertest.Options{})
	front := httptest.NewServer(serveInMemory(server.RoundTripper("script")))
	ts.Defer(func() { front.Close(); server.Close() })
	client, err := kubernetes.NewForConfig(&rest.Config{Host: front.URL})
	ts.Check(err)
	objects, _, err := decodeManifests(strings.NewReader(ts.ReadFile(args[0])), "default")
	ts.Check(err)
	for _, o := range objects {
		ts.Check(createObject(client, o))
	}
	dir := ts.MkAbs(".")
	ts.Check(writeKubeconfig(dir, "cluster", front.URL))
	ts.Setenv("KUBECONFIG", filepath.Join(dir, "cluster.kubeconfig"))
}

func createObject(client kubernetes.Interface, object metav1.Object) error {
	ctx, options := context.Background(), metav1.CreateOptions{}
	var err error
	switch o := object.(type) {
	case *corev1.Namespace:
		_, err = client.CoreV1().Namespaces().Create(ctx, o, options)
	case *corev1.Secret:
		_, err = client.CoreV1().Secrets(o.Namespace).Create(ctx, o, options)
	case *corev1.ConfigMap:
		_, err = client.CoreV1().ConfigMaps(o.Namespace).Create(ctx, o, options)
	case *corev1.ServiceAccount:
		_, err = client.CoreV1().ServiceAccounts(o.Namespace).Create(ctx, o, options)
	}
	return err
}

// serveInMemory passes requests on. It refuses those of the user nobody, the list of ConfigMaps to guest, and to lister
// the source regcred itself.
func serveInMemory(server http.RoundTripper) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user := r.Header.Get("Impersonate-User"); user == "nobody" ||
			user == "guest" && strings.HasSuffix(r.URL.Path, "/configmaps") ||
			user == "lister" && strings.HasSuffix(r.URL.Path, "/infra/secrets/regcred") {
			r.URL.Path = "/forbidden"
			fakeAPI(w, r)
			return
		}
		response, err := server.RoundTrip(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		w.Header().Set("Content-Type", response.Header.Get("Content-Type"))
		w.WriteHeader(response.StatusCode)
		_, _ = io.Copy(w, response.Body)
	})
}
