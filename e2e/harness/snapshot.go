package harness

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
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

// Unmoved calls act and fails the test when, after the controller has dealt with it, anything in the namespaces was
// written, removed or added. It does not wait for a fixed time: a marker (CatchUp) shows that the controller is done.
func (s *System) Unmoved(t testing.TB, namespaces []string, act func()) {
	t.Helper()
	before := s.Snapshot(t, namespaces...)
	act()
	s.CatchUp(t)
	if changes := before.Changes(s.Snapshot(t, namespaces...)); changes != "" {
		t.Fatalf("something was written where nothing should be:\n%s", changes)
	}
}
