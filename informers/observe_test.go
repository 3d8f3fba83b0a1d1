package informers

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// filled is an object that asked to be filled and was, at a version.
func filled(version string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "token", ResourceVersion: version,
		Labels: map[string]string{annotations.LabelReplica: annotations.ReplicaPull},
		Annotations: map[string]string{
			annotations.PullFrom: "platform/token", annotations.ReplicaOf: "platform/token",
		},
	}}
}

// TestLateAnswer: an answer to a write that comes after the removal of the object brings nothing back.
func TestLateAnswer(t *testing.T) {
	c := NewTestCluster(nil)
	o := c.kinds[annotations.Secret]
	written, err := c.digestKey.replica(filled("5"))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.replicas.Delete(filled("7")); err != nil { // the watch has told of both, the creation and the removal
		t.Fatal(err)
	}
	c.Observe(annotations.Secret, written)
	if at := c.Get(Key{annotations.Secret, written.NamespacedName}); at.Replica != nil {
		t.Error("an object that is gone is taken for a replica")
	}
	later, err := c.digestKey.replica(filled("9"))
	if err != nil {
		t.Fatal(err)
	}
	c.Observe(annotations.Secret, later)
	if at := c.Get(Key{annotations.Secret, written.NamespacedName}); at.Replica == nil {
		t.Error("the answer to a later write is passed over")
	}
}

// TestAnswerAndList: the answer to a write outlasts a list that is older, unless versions have gone back.
func TestAnswerAndList(t *testing.T) {
	for title, tc := range map[string]struct {
		version string
		want    bool
	}{
		"a list from before the write":         {version: "7", want: true},
		"a list from after it":                 {version: "9", want: false},
		"a list from before all that was seen": {version: "4", want: false},
	} {
		t.Run(title, func(t *testing.T) {
			c := NewTestCluster(nil)
			if err := c.Replace(nil, nil, nil, "5"); err != nil {
				t.Fatal(err)
			}
			written, err := c.digestKey.replica(filled("8"))
			if err != nil {
				t.Fatal(err)
			}
			c.Observe(annotations.Secret, written)
			if err := c.Replace(nil, nil, nil, tc.version); err != nil {
				t.Fatal(err)
			}
			if got := c.Get(Key{annotations.Secret, written.NamespacedName}).Replica != nil; got != tc.want {
				t.Errorf("the replica is known: %v, want %v", got, tc.want)
			}
		})
	}
}

// TestEchoOfWrite: what the watch tells of our own write is reported only where it is not what the answer said.
func TestEchoOfWrite(t *testing.T) {
	for title, told := range map[string]bool{"as the answer said": false, "the object is immutable": true} {
		t.Run(title, func(t *testing.T) {
			c := NewTestCluster(nil)
			o := c.kinds[annotations.Secret]
			answer, err := c.digestKey.replica(filled("5"))
			if err != nil {
				t.Fatal(err)
			}
			c.Observe(annotations.Secret, answer)
			reported := 0
			c.notify = func(Key, Change) { reported++ }
			echo := filled("5")
			if told {
				echo.Immutable = &told
			}
			if err := o.replicas.Add(echo); err != nil {
				t.Fatal(err)
			}
			if (reported > 0) != told {
				t.Errorf("it was reported %d times", reported)
			}
		})
	}
}
