package informers

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// TestChanges goes through the changes of a small cluster, and compares what each means to which source.
func TestChanges(t *testing.T) {
	got := map[string]Change{}
	c := NewTestCluster(func(key Key, change Change) { got[key.NamespacedName.String()] = change })
	secrets := c.kinds[annotations.Secret]
	named := func(namespace, name string) types.NamespacedName {
		return types.NamespacedName{Namespace: namespace, Name: name}
	}
	version := 0
	meta := func(namespace, name string, notes ...string) metav1.ObjectMeta {
		version++
		m := metav1.ObjectMeta{Namespace: namespace, Name: name, UID: "u", ResourceVersion: Version(version).String()}
		for i := 0; i < len(notes); i += 2 {
			if m.Annotations == nil {
				m.Annotations = map[string]string{}
			}
			m.Annotations[notes[i]] = notes[i+1]
		}
		return m
	}
	candidate := func(namespace, name string, notes ...string) func() error {
		return func() error {
			return secrets.candidates.Update(&metav1.PartialObjectMetadata{ObjectMeta: meta(namespace, name, notes...)})
		}
	}
	deleted := func(namespace, name string) func() error {
		return func() error {
			return secrets.candidates.Delete(&metav1.PartialObjectMetadata{ObjectMeta: meta(namespace, name)})
		}
	}
	replica := func(namespace, name, of, data string) func() error {
		return func() error {
			m := meta(namespace, name, annotations.ReplicaOf, of)
			m.Labels = map[string]string{annotations.LabelReplica: annotations.ReplicaPush}
			return secrets.replicas.Update(&corev1.Secret{ObjectMeta: m, Data: map[string][]byte{"k": []byte(data)}})
		}
	}
	ns := func(name string, notes ...string) func() error {
		return func() error {
			return c.namespaces.Update(&metav1.PartialObjectMetadata{ObjectMeta: meta("", name, notes...)})
		}
	}
	account := func(namespace, name string) func() error {
		return func() error { return c.accounts.Update(&corev1.ServiceAccount{ObjectMeta: meta(namespace, name)}) }
	}
	self := Change{Scope: FullScope(), Urgent: true, Outdating: true}
	content := Change{Scope: FullScope(), Urgent: true}
	gone := Change{Scope: FullScope(), Urgent: true, Deleted: true, Outdating: true}
	all := Change{Scope: FullScope()}
	inNamespace := func(name string) Change { return Change{Scope: NamespaceScope(name), Urgent: true} }
	object := func(namespace, name string) Change { return Change{Scope: ObjectScope(named(namespace, name))} }
	repair := func(namespace, name string) Change {
		return Change{Scope: ObjectScope(named(namespace, name)), Repair: true}
	}
	going := func(name string) func() error {
		return func() error {
			m := meta("", name)
			m.DeletionTimestamp = &metav1.Time{}
			return c.namespaces.Update(&metav1.PartialObjectMetadata{ObjectMeta: m})
		}
	}
	noReplica := func(namespace, name string) func() error {
		return func() error { return secrets.replicas.Delete(&corev1.Secret{ObjectMeta: meta(namespace, name)}) }
	}

	push := []string{annotations.PushTo, "team-*", annotations.AttachToServiceAccounts, "default"}
	for _, step := range []struct {
		name   string
		change func() error
		want   map[string]Change
	}{
		{"a source", candidate("from", "s", push...), map[string]Change{"from/s": self}},
		{"its content", candidate("from", "s", push...), map[string]Change{"from/s": content}},
		{"a namespace that it reaches", ns("team-a"), map[string]Change{"from/s": inNamespace("team-a")}},
		{"a namespace that it does not reach", ns("other"), map[string]Change{}},
		{"the same namespace again", ns("team-a"), map[string]Change{}},
		{"what the namespace accepts", ns("team-a", annotations.AcceptFrom, "from"),
			map[string]Change{"from/s": inNamespace("team-a")}},
		{"a replica", replica("team-a", "s", "from/s", "1"), map[string]Change{"from/s": object("team-a", "s")}},
		{"its content by hand", replica("team-a", "s", "from/s", "2"), map[string]Change{"from/s": repair("team-a", "s")}},
		{"its deletion", noReplica("team-a", "s"), map[string]Change{"from/s": repair("team-a", "s")}},
		{"another replica", replica("team-a", "s", "from/s", "3"), map[string]Change{"from/s": object("team-a", "s")}},
		{"a namespace that goes", going("team-a"), map[string]Change{"from/s": inNamespace("team-a")}},
		{"the replica in it", noReplica("team-a", "s"), map[string]Change{"from/s": object("team-a", "s")}},
		{"the namespace again", ns("team-a"), map[string]Change{"from/s": inNamespace("team-a")}},
		{"a stranger at a target", candidate("team-b", "s"), map[string]Change{"from/s": object("team-b", "s")}},
		{"a stranger elsewhere", candidate("team-b", "unrelated"), map[string]Change{}},
		{"a new ServiceAccount", account("team-a", "default"), map[string]Change{"from/s": inNamespace("team-a")}},
		{"a ServiceAccount that is not named", account("team-a", "builder"), map[string]Change{}},
		{"an object that pulls", candidate("team-c", "mine", annotations.PullFrom, "from/s"),
			map[string]Change{"team-c/mine": self, "from/s": object("team-c", "mine")}},
		{"a competitor", candidate("other", "s", annotations.PushTo, "*"),
			map[string]Change{"other/s": self, "from/s": all}},
		{"its content", candidate("other", "s", annotations.PushTo, "*"),
			map[string]Change{"other/s": content, "from/s": object("other", "s")}},
		{"its policy", candidate("other", "s", annotations.PushTo, "team-*"),
			map[string]Change{"other/s": self, "from/s": all}},
		{"its end", deleted("other", "s"), map[string]Change{"other/s": gone, "from/s": all}},
		{"the source's end", deleted("from", "s"), map[string]Change{"from/s": gone}},
	} {
		t.Run(step.name, func(t *testing.T) {
			clear(got)
			if err := step.change(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(step.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScope(t *testing.T) {
	a, b := types.NamespacedName{Namespace: "a", Name: "s"}, types.NamespacedName{Namespace: "b", Name: "s"}
	var s Scope
	if !s.Empty() {
		t.Error("the zero scope is not empty")
	}
	first := ObjectScope(a)
	s.Add(first)
	s.Add(NamespaceScope("c"))
	s.Add(ObjectScope(b))
	if len(first.Objects) != 1 {
		t.Error("adding to the sum changed a summand")
	}
	if s.Empty() || s.Full || len(s.Objects) != 2 {
		t.Errorf("%+v", s)
	}
	if got := s.AllNamespaces(); !got.HasAll("a", "b", "c") || len(got) != 3 {
		t.Errorf("namespaces %v", got)
	}
	for i := range maxScope {
		s.Add(ObjectScope(types.NamespacedName{Namespace: Version(i).String(), Name: "s"}))
	}
	if diff := cmp.Diff(FullScope(), s); diff != "" {
		t.Errorf("a scope of many objects (-want +got):\n%s", diff)
	}
	if s.Add(NamespaceScope("d")); !s.Full || s.Namespaces != nil {
		t.Errorf("a full scope does not stay full: %+v", s)
	}
}
