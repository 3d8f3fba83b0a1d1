package replicator

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// inspect returns an Inspector of a cluster with the namespaces and objects given, which it has listed and decided on.
func inspect(t *testing.T, namespaces []string, secrets ...*corev1.Secret) *Inspector {
	t.Helper()
	server := apiservertest.New(apiservertest.Options{})
	t.Cleanup(server.Close)
	config := &rest.Config{Host: "http://sim", Transport: server.RoundTripper("test")}
	client := kubernetes.NewForConfigOrDie(config)
	for _, name := range namespaces {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := client.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range secrets {
		if _, err := client.CoreV1().Secrets(s.Namespace).Create(t.Context(), s, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	everywhere, err := annotations.ParseNamespacePatterns("*")
	if err != nil {
		t.Fatal(err)
	}
	i, err := NewInspector(Options{
		Config: config, Kinds: []annotations.Kind{annotations.Secret}, Namespace: "mirrorball-system",
		SourceNamespaces: everywhere, SourceDeleteGrace: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := i.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := i.Decide(t.Context()); err != nil {
		t.Fatal(err)
	}
	return i
}

func secret(namespace, name string, notes map[string]string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Annotations: notes},
		Data:       map[string][]byte{"token": []byte("content")},
	}
}

func TestInspector(t *testing.T) {
	namespaces := []string{"mirrorball-system", "infra", "platform", "team-a", "team-b"}
	push := map[string]string{annotations.PushTo: "team-*"}

	t.Run("what it simulates leaves nothing to do", func(t *testing.T) {
		i := inspect(t, namespaces, secret("infra", "regcred", push))
		writes, err := i.Simulate(t.Context())
		if err != nil || len(writes) != 2 || writes[0].Verb != plan.Create {
			t.Fatalf("got %v, %v; want two creates", writes, err)
		}
		for _, d := range i.Decisions() {
			if len(d.Writes) > 0 {
				t.Errorf("%s: %v is left", d.Key, d.Writes)
			}
		}
	})
	t.Run("a place that becomes free goes to the source that wants it", func(t *testing.T) {
		left := secret("team-a", "regcred", map[string]string{annotations.ReplicaOf: "platform/regcred"})
		left.Labels = map[string]string{
			annotations.LabelReplica: annotations.ReplicaPush, annotations.LabelManagedBy: annotations.ManagedBy,
		}
		i := inspect(t, namespaces, secret("infra", "regcred", push), secret("platform", "regcred", nil), left)
		writes, err := i.Simulate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		counts := map[plan.Verb]int{}
		for _, w := range writes {
			counts[w.Verb]++
		}
		if counts[plan.Delete] != 1 || counts[plan.Create] != 2 {
			t.Errorf("got %v, want a delete and two creates", writes)
		}
	})
	t.Run("an edit changes the decision", func(t *testing.T) {
		i := inspect(t, namespaces)
		if err := i.Edit(secret("infra", "regcred", push)); err != nil {
			t.Fatal(err)
		}
		if err := i.Edit(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-c"}}); err != nil {
			t.Fatal(err)
		}
		if err := i.Decide(t.Context()); err != nil {
			t.Fatal(err)
		}
		if writes, err := i.Simulate(t.Context()); err != nil || len(writes) != 3 {
			t.Errorf("got %v, %v; want three creates", writes, err)
		}
	})
}

func TestDifference(t *testing.T) {
	push := map[string]string{annotations.PushTo: "team-*"}
	drifted := secret("team-a", "regcred", map[string]string{annotations.ReplicaOf: "infra/regcred"})
	drifted.Labels = map[string]string{
		annotations.LabelReplica: annotations.ReplicaPush, annotations.LabelSourceNamespace: "infra",
	}
	drifted.Data = map[string][]byte{"token": []byte("other content"), "more": []byte("content")}
	i := inspect(t, []string{"mirrorball-system", "infra", "team-a"}, secret("infra", "regcred", push), drifted)
	source := types.NamespacedName{Namespace: "infra", Name: "regcred"}
	key := informers.Key{Kind: annotations.Secret, NamespacedName: source}
	got, err := i.Difference(t.Context(), key, types.NamespacedName{Namespace: "team-a", Name: "regcred"})
	want := Difference{
		Surplus: []string{"more"}, Changed: []string{"token"},
		Marks: []string{annotations.LabelManagedBy, annotations.LabelSourceName},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, the difference is (-want +got):\n%s", err, diff)
	}
}

func TestCopies(t *testing.T) {
	push := map[string]string{annotations.PushTo: "none"}
	other := secret("team-b", "other", nil)
	other.Data = map[string][]byte{"token": []byte("other content")}
	i := inspect(t, []string{"mirrorball-system", "infra", "team-a", "team-b"}, secret("infra", "regcred", push),
		secret("team-a", "by-hand", nil), other)
	got, err := i.Copies(t.Context())
	if err != nil || len(got) != 1 || got[0].Object.Name != "by-hand" || got[0].Source.Name != "regcred" {
		t.Errorf("got %v, %v; want the copy in team-a", got, err)
	}
}
