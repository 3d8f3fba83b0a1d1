package harness

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/metadata"
)

// watched are the resources that Mirrorball may write, which a Snapshot is made of.
var watched = []schema.GroupVersionResource{
	corev1.SchemeGroupVersion.WithResource("secrets"),
	corev1.SchemeGroupVersion.WithResource("configmaps"),
	corev1.SchemeGroupVersion.WithResource("serviceaccounts"),
}

// kubernetesOwn says whether Kubernetes itself puts the object into each namespace, at a moment of its own choosing.
func kubernetesOwn(key string) bool {
	return strings.HasSuffix(key, "/kube-root-ca.crt") ||
		(strings.HasPrefix(key, "serviceaccounts ") && strings.HasSuffix(key, "/default"))
}

// Snapshot is the version (UID and resourceVersion) of each Secret, ConfigMap and ServiceAccount of some namespaces,
// under "resource namespace/name".
type Snapshot map[string]string

// Snapshot takes the versions of what is in these namespaces now.
func (s *System) Snapshot(t testing.TB, namespaces ...string) Snapshot {
	t.Helper()
	client, err := metadata.NewForConfig(s.Config)
	if err != nil {
		t.Fatalf("make a metadata client: %v", err)
	}
	snapshot := Snapshot{}
	for _, namespace := range namespaces {
		for _, resource := range watched {
			list, err := client.Resource(resource).Namespace(namespace).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatalf("list the %s of %s: %v", resource.Resource, namespace, err)
			}
			for _, item := range list.Items {
				key := resource.Resource + " " + namespace + "/" + item.Name
				snapshot[key] = string(item.UID) + " " + item.ResourceVersion
			}
		}
	}
	return snapshot
}

// Changes says, a line each, how a later snapshot differs; it is empty when nothing was written.
func (before Snapshot) Changes(after Snapshot) string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(before)) {
		switch version, there := after[key]; {
		case !there:
			lines = append(lines, key+" is gone")
		case version != before[key]:
			lines = append(lines, fmt.Sprintf("%s was written: %s is now %s", key, before[key], version))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if _, there := before[key]; !there && !kubernetesOwn(key) {
			lines = append(lines, key+" was created")
		}
	}
	return strings.Join(lines, "\n")
}

// Unmoved does something and fails the test when, after the controller has dealt with it, anything in there was
// written, removed or added. No time is waited: a marker that follows shows that the controller has got so far.
func (s *System) Unmoved(t testing.TB, namespaces []string, do func()) {
	t.Helper()
	before := s.Snapshot(t, namespaces...)
	do()
	s.CatchUp(t)
	if changes := before.Changes(s.Snapshot(t, namespaces...)); changes != "" {
		t.Fatalf("something was written where nothing should be:\n%s", changes)
	}
}

// CatchUp returns when the controller has dealt with all that was there before the call. It makes a source for a
// namespace that is made after it, waits for the replica, spoils the replica and waits until it is put back: so news
// went through each of the controller's streams (sources, namespaces, replicas) and its queue.
func (s *System) CatchUp(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Timeout)
	defer cancel()
	if err := s.catchUp(ctx); err != nil {
		t.Fatalf("the controller did not catch up with a marker: %v", err)
	}
}

func (s *System) catchUp(ctx context.Context) (err error) {
	suffix := rand.String(8)
	from, to := "marker-from-"+suffix, "marker-to-"+suffix
	for _, namespace := range []string{from, to} {
		object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		if _, err := s.Client.CoreV1().Namespaces().Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return err
		}
		defer func() {
			// The test's outcome does not hang on it.
			_ = s.dropNamespace(context.WithoutCancel(ctx), namespace)
		}()
		if namespace == to {
			continue
		}
		source := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "marker", Annotations: map[string]string{"mirrorball.dev/push-to": to}},
			Data:       map[string][]byte{"marker": []byte("1")},
		}
		if _, err := s.Client.CoreV1().Secrets(from).Create(ctx, source, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	replicas := s.Client.CoreV1().Secrets(to)
	if err := Poll(ctx, func(ctx context.Context) error { return s.markerIs(ctx, to, "1") }); err != nil {
		return err
	}
	replica, err := replicas.Get(ctx, "marker", metav1.GetOptions{})
	if err != nil {
		return err
	}
	replica.Data["marker"] = []byte("0")
	if _, err := replicas.Update(ctx, replica, metav1.UpdateOptions{}); err != nil {
		return err
	}
	return Poll(ctx, func(ctx context.Context) error { return s.markerIs(ctx, to, "1") })
}

func (s *System) markerIs(ctx context.Context, namespace, want string) error {
	replica, err := s.Client.CoreV1().Secrets(namespace).Get(ctx, "marker", metav1.GetOptions{})
	if err != nil {
		return err
	}
	if got := string(replica.Data["marker"]); got != want {
		return fmt.Errorf("the marker's replica holds %q, not %q", got, want)
	}
	return nil
}

// gone has no error when the object is not there.
func (s *System) gone(ctx context.Context, resource, namespace, name string) error {
	_, err := s.Dynamic.Resource(corev1.SchemeGroupVersion.WithResource(resource)).Namespace(namespace).
		Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s %s/%s is still there", resource, namespace, name)
}

func isNotFoundOrConflict(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsConflict(err)
}

// WaitGone waits until an object (of "secrets", "configmaps" …) is not there.
func (s *System) WaitGone(t testing.TB, resource, namespace, name string) {
	t.Helper()
	Eventually(t, Timeout, func() error { return s.gone(t.Context(), resource, namespace, name) })
}
