package harness

import (
	"context"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
)

// maxPrefix leaves room in a namespace's 63 characters for what a test appends.
const maxPrefix = 30

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// Prefix is a beginning for the names of a test's namespaces that no other test has, so that its patterns match its own
// only: the test's name, shortened, and a random end.
func Prefix(t testing.TB) string {
	t.Helper()
	name := strings.ToLower(strings.TrimPrefix(t.Name(), "Test"))
	name = strings.Trim(notInNames.ReplaceAllString(name, "-"), "-")
	if len(name) > maxPrefix {
		name = strings.Trim(name[:maxPrefix], "-")
	}
	return "t-" + name + "-" + rand.String(5)
}

// CreateNamespace makes a namespace, with labels in pairs of key and value, that does not outlive the test's cluster:
// where that was there before, it is deleted after the test.
func (s *System) CreateNamespace(t testing.TB, name string, labels ...string) *corev1.Namespace {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: pairs(t, labels)}}
	created, err := s.Client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("create the namespace %s: %v", name, err)
	}
	t.Cleanup(func() { s.cleanUpNamespace(t, name) })
	return created
}

// DeleteNamespace deletes a namespace and waits until it is gone.
func (s *System) DeleteNamespace(t testing.TB, name string) {
	t.Helper()
	if err := s.Client.CoreV1().Namespaces().Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatalf("delete the namespace %s: %v", name, err)
	}
	// Kubernetes begins after five seconds and takes hundreds of requests.
	Eventually(t, s.WriteProgress, func() error { return s.gone(t.Context(), "namespaces", "", name) })
}

// cleanUpNamespace asks for the deletion and waits for nothing: no other test has the name.
func (s *System) cleanUpNamespace(t testing.TB, name string) {
	err := s.dropNamespace(context.WithoutCancel(t.Context()), name)
	if err != nil && !isNotFoundOrConflict(err) {
		t.Logf("delete the namespace %s after the test: %v", name, err)
	}
}

// dropNamespace leaves a namespace of ours behind. In a cluster that ends with the tests it stays: to empty and delete
// it is the work of kube-controller-manager, which soon has more of it than all tests together.
func (s *System) dropNamespace(ctx context.Context, name string) error {
	if s.Cluster != nil {
		return nil
	}
	return s.Client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
}

func pairs(t testing.TB, list []string) map[string]string {
	t.Helper()
	if len(list)%2 != 0 {
		t.Fatalf("keys and values come in pairs: %q", list)
	}
	result := make(map[string]string, len(list)/2)
	for i := 0; i < len(list); i += 2 {
		result[list[i]] = list[i+1]
	}
	return result
}
