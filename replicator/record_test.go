package replicator

import (
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// recorder records a source with annotations.
type recorder func(name string, notes map[string]string) error

// newRecordTest returns a recorder before a server with Mirrorball's own namespace.
func newRecordTest(t *testing.T) (*kubernetes.Clientset, recorder) {
	t.Helper()
	c, client := newTestController(t)
	own := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "mirrorball-system"}}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), own, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return client, func(name string, notes map[string]string) error {
		key := informers.Key{Kind: annotations.Secret, NamespacedName: types.NamespacedName{Namespace: "from", Name: name}}
		policy := annotations.Parse(key.Namespace, key.Name, notes).Policy
		s := newState()
		s.loaded = &loaded{policy: policy, annotations: notes, source: &plan.Source{}}
		p := &pass{key: key, state: s, observed: observation{view: c.cluster.Source(key), reloaded: true}}
		return c.records.update(t.Context(), p, time.Time{})
	}
}

func countRecords(t *testing.T, client *kubernetes.Clientset) int {
	t.Helper()
	list, err := client.CoreV1().ConfigMaps("mirrorball-system").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return len(list.Items)
}

func TestMaxRecords(t *testing.T) {
	client, record := newRecordTest(t)
	keep := map[string]string{annotations.PushTo: "*", annotations.OnDelete: "keep"}
	for i := range maxRecords {
		if err := record(strconv.Itoa(i), keep); err != nil {
			t.Fatal(err)
		}
	}
	if err := record("one-more", keep); err == nil || !strings.Contains(err.Error(), "200 sources") {
		t.Errorf("the newest is recorded: %v", err)
	}
	if err := record("0", map[string]string{annotations.PushTo: "a", annotations.OnDelete: "keep"}); err != nil {
		t.Errorf("one that is recorded can't change: %v", err)
	}
	if n := countRecords(t, client); n != maxRecords {
		t.Errorf("there are %d records", n)
	}
}

func TestMaxRecordBytes(t *testing.T) {
	client, record := newRecordTest(t)
	keep := map[string]string{annotations.PushTo: "*", annotations.OnDelete: "keep"}
	if err := record("s", keep); err != nil {
		t.Fatal(err)
	}
	keep[annotations.PushTo] = strings.Repeat("namespace,", informers.MaxRecordBytes/10)
	if err := record("s", keep); err == nil || !strings.Contains(err.Error(), "8192 bytes") {
		t.Errorf("it is recorded: %v", err)
	}
	if n := countRecords(t, client); n != 0 {
		t.Error("the policy that was in force before is recorded still")
	}
}

func TestUnreadableRecord(t *testing.T) {
	client, record := newRecordTest(t)
	name := informers.RecordName(informers.Key{
		Kind: annotations.Secret, NamespacedName: types.NamespacedName{Namespace: "from", Name: "s"},
	})
	broken := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: "mirrorball-system", Name: name, Labels: map[string]string{informers.LabelRecord: "policy"},
	}}
	maps := client.CoreV1().ConfigMaps("mirrorball-system")
	if _, err := maps.Create(t.Context(), broken, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := record("s", map[string]string{annotations.PushTo: "*", annotations.OnDelete: "keep"}); err != nil {
		t.Fatal(err)
	}
	now, err := maps.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := informers.ParseRecord(now); err != nil || r.Problem != "" || r.Policy == nil {
		t.Errorf("the record: %+v, %v", r, err)
	}
}
