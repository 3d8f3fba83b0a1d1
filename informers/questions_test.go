package informers

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// newTestCluster is a Cluster whose streams are fed by hand.
func newTestCluster(t *testing.T, notify func(Key, News)) *Cluster {
	t.Helper()
	config := &rest.Config{Host: "http://unused.invalid"}
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := metadata.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{
		Metadata: meta, Typed: typed, Kinds: []annotations.Kind{annotations.Secret}, Namespace: "mirrorball-system",
		DigestKey: NewDigestKey(), Notify: notify,
	})
}

func TestPullersLeaveOutWhatIsAPushedReplicaByNow(t *testing.T) {
	c := newTestCluster(t, func(Key, News) {})
	secrets := c.kinds[annotations.Secret]
	source := Key{annotations.Secret, types.NamespacedName{Namespace: "from", Name: "s"}}
	puller := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: "to", Name: "s", ResourceVersion: "1", Annotations: map[string]string{annotations.PullFrom: "from/s"},
	}}
	if err := secrets.candidates.Update(puller); err != nil {
		t.Fatal(err)
	}
	if got := len(c.Pullers(source)); got != 1 {
		t.Fatalf("%d objects pull, want 1", got)
	}
	// The stream of replicas is ahead of that of candidates: the puller was deleted and a replica pushed in its place.
	replica := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: "to", Name: "s", ResourceVersion: "3",
		Labels:      map[string]string{annotations.LabelReplica: annotations.ReplicaPush},
		Annotations: map[string]string{annotations.ReplicaOf: "from/s"},
	}}
	if err := secrets.replicas.Update(replica); err != nil {
		t.Fatal(err)
	}
	if got := c.Pullers(source); len(got) != 0 {
		t.Errorf("%d objects pull, want none: what stands there was pushed", len(got))
	}
}

func TestPullersStayThatPassFromOneStreamToTheOther(t *testing.T) {
	c := newTestCluster(t, func(Key, News) {})
	secrets := c.kinds[annotations.Secret]
	meta := metav1.ObjectMeta{
		Namespace: "to", Name: "s", ResourceVersion: "1", Annotations: map[string]string{annotations.PullFrom: "from/s"},
	}
	candidate := &metav1.PartialObjectMetadata{ObjectMeta: meta}
	if err := secrets.candidates.Update(candidate); err != nil {
		t.Fatal(err)
	}
	meta.ResourceVersion = "2"
	meta.Labels = map[string]string{annotations.LabelReplica: annotations.ReplicaPull}
	if err := secrets.replicas.Update(&corev1.Secret{ObjectMeta: meta}); err != nil {
		t.Fatal(err)
	}
	// That it is no candidate any more comes second.
	candidate = candidate.DeepCopy()
	candidate.ResourceVersion = "2"
	if err := secrets.candidates.Delete(candidate); err != nil {
		t.Fatal(err)
	}
	if got := len(c.Pullers(Key{annotations.Secret, types.NamespacedName{Namespace: "from", Name: "s"}})); got != 1 {
		t.Errorf("%d objects pull, want the one that was filled", got)
	}
}

func TestWhatStandsInAPlaceIsTheNewerOfWhatTheStreamsTell(t *testing.T) {
	tests := map[string]struct {
		candidate, replica string
		wantReplica        bool
	}{
		"a replica was deleted and a source made in its place": {candidate: "5", replica: "3"},
		"a source was labelled as a replica":                   {candidate: "3", replica: "5", wantReplica: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := newTestCluster(t, func(Key, News) {})
			secrets := c.kinds[annotations.Secret]
			meta := metav1.ObjectMeta{Namespace: "from", Name: "s", ResourceVersion: tc.candidate}
			meta.Annotations = map[string]string{annotations.PushTo: "*"}
			if err := secrets.candidates.Update(&metav1.PartialObjectMetadata{ObjectMeta: meta}); err != nil {
				t.Fatal(err)
			}
			meta.ResourceVersion, meta.Annotations = tc.replica, map[string]string{annotations.ReplicaOf: "other/s"}
			meta.Labels = map[string]string{annotations.LabelReplica: annotations.ReplicaPush}
			if err := secrets.replicas.Update(&corev1.Secret{ObjectMeta: meta}); err != nil {
				t.Fatal(err)
			}
			at := c.At(Key{annotations.Secret, types.NamespacedName{Namespace: "from", Name: "s"}})
			if (at.Replica != nil) != tc.wantReplica || (at.Candidate != nil) == tc.wantReplica {
				t.Errorf("candidate %v, replica %v", at.Candidate != nil, at.Replica != nil)
			}
		})
	}
}

func TestNewsSaysWhatAChangeIsToASource(t *testing.T) {
	var got []News
	source := Key{annotations.Secret, types.NamespacedName{Namespace: "from", Name: "s"}}
	c := newTestCluster(t, func(key Key, news News) {
		if key == source {
			got = append(got, news)
		}
	})
	secrets := c.kinds[annotations.Secret]
	candidate := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: "from", Name: "s", ResourceVersion: "1", Annotations: map[string]string{annotations.PushTo: "team-*"},
	}}
	replica := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: "team-a", Name: "s", ResourceVersion: "2",
		Labels:      map[string]string{annotations.LabelReplica: annotations.ReplicaPush},
		Annotations: map[string]string{annotations.ReplicaOf: "from/s"},
	}}
	for _, step := range []struct {
		what   string
		change func() error
		want   News
	}{
		{"the source", func() error { return secrets.candidates.Update(candidate) }, NewsOfItself},
		{"a namespace in its reach", func() error {
			return c.namespaces.Update(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
				Name: "team-a", ResourceVersion: "3",
			}})
		}, NewsOfReach},
		{"a replica", func() error { return secrets.replicas.Update(replica) }, NewsAround},
		{"the source's end", func() error { return secrets.candidates.Delete(candidate) }, NewsOfItsEnd},
	} {
		got = nil
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0] != step.want {
			t.Errorf("%s: news %v, want %d alone", step.what, got, step.want)
		}
	}
}
