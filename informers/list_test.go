package informers_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
)

// TestList takes a snapshot of a cluster that was listed once, without watches.
func TestList(t *testing.T) {
	server := apiservertest.New(apiservertest.Options{})
	t.Cleanup(server.Close)
	config := &rest.Config{Host: "http://sim", Transport: server.RoundTripper("test")}
	client := kubernetes.NewForConfigOrDie(config)
	for _, name := range []string{"mirrorball-system", "infra", "team-a", "team-b"} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := client.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range []metav1.ObjectMeta{
		{Namespace: "infra", Name: "regcred", Annotations: map[string]string{annotations.PushTo: "team-*"}},
		{
			Namespace: "team-a", Name: "regcred", Annotations: map[string]string{annotations.ReplicaOf: "infra/regcred"},
			Labels: map[string]string{annotations.LabelReplica: annotations.ReplicaPush},
		},
	} {
		secrets := client.CoreV1().Secrets(m.Namespace)
		if _, err := secrets.Create(t.Context(), &corev1.Secret{ObjectMeta: m}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	c := informers.NewTestClusterOf(config, nil)
	if err := c.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Synced(); err != nil {
		t.Error(err)
	}
	key := informers.Key{
		Kind: annotations.Secret, NamespacedName: types.NamespacedName{Namespace: "infra", Name: "regcred"},
	}
	view := c.Source(key)
	s := c.Snapshot(informers.Query{Key: key, Policy: view.Claims().Policy, Scope: informers.FullScope()})
	if len(s.Targets) != 2 || s.Targets[0].Occupant.Replica == nil || s.Targets[1].Occupant.Identity() != nil {
		t.Errorf("targets %+v, want a replica in team-a and nothing in team-b", s.Targets)
	}
	if len(s.Replicas) != 1 || !view.HasReplicas {
		t.Errorf("replicas %+v, in its view: %t, want one", s.Replicas, view.HasReplicas)
	}
}
