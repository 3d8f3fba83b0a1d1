package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

// longNamed waits until there is a replica of a source whose name is too long for a label: the label is of the name's
// beginning, the annotation has all of it.
func (s *scene) longNamed(source object, namespace, name, how string) (replica object) {
	s.Helper()
	s.eventually(func() (err error) {
		if replica, err = s.find(source.kind, namespace, name); err != nil {
			return err
		}
		label := replica.labels[native+"source-name"]
		switch {
		case replica.labels[native+"replica"] != how:
			return fmt.Errorf("%s is no replica by %s", replica, how)
		case len(label) > validation.LabelValueMaxLength || !strings.HasPrefix(label, source.name[:40]):
			return fmt.Errorf("%s has the label source-name %q", replica, label)
		case replica.annotations[native+"replica-of"] != source.namespace+"/"+source.name:
			return fmt.Errorf("%s is a replica of %q", replica, replica.annotations[native+"replica-of"])
		}
		return sameContent(replica, source)
	})
	return replica
}

// TestLongNames: names that are too long for a label do not collide.
func TestLongNames(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to, puller := s.namespace("from"), s.namespace("to"), s.namespace("puller")
		var sources, replicas []object
		for _, end := range []string{"one", "two"} {
			name := strings.Repeat("a", validation.DNS1123SubdomainMaxLength-len(end)) + end
			source := s.create(object{
				kind: k, namespace: from, name: name, data: map[string]string{"token": end},
				annotations: annotated(native+"push-to", to, native+"pull-by", puller),
			})
			pulls := s.create(object{
				kind: k, namespace: puller, name: "from-" + end, annotations: annotated(native+"pull-from", from+"/"+name),
			})
			s.longNamed(source, puller, pulls.name, "pull")
			sources, replicas = append(sources, source), append(replicas, s.longNamed(source, to, name, "push"))
		}
		if one, two := replicas[0].labels[native+"source-name"], replicas[1].labels[native+"source-name"]; one == two {
			s.Errorf("the two have the same label source-name %q", one)
		}
		// What becomes of the one is nothing to the other.
		kept := s.get(k, to, sources[1].name)
		first := s.edit(sources[0], func(o *object) { o.data["token"] = "three" })
		s.longNamed(first, to, first.name, "push")
		s.unannotate(first, native+"push-to")
		s.gone(k, to, first.name)
		s.untouched(kept)
	})
}

// TestLongNameWithoutMarks: a replica of a long name that loses its labels is put back.
func TestLongNameWithoutMarks(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := s.create(object{
			kind: k, namespace: from, name: strings.Repeat("a", 100), data: map[string]string{"token": "one"},
			annotations: annotated(native+"push-to", to),
		})
		replica := s.longNamed(source, to, source.name, "push")
		s.unannotate(replica, native+"replica-of")
		if now := s.longNamed(source, to, source.name, "push"); now.uid != replica.uid {
			s.Errorf("%s was made again", now)
		}
	})
}

// TestUnusualSources: names with dots and sources without data are replicated.
func TestUnusualSources(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to, puller := s.namespace("from"), s.namespace("to"), s.namespace("puller")
		source := s.create(object{
			kind: k, namespace: from, name: "registry.example.com",
			annotations: annotated(native+"push-to", to, native+"pull-by", puller, native+"target-name", "1.a.b-c"),
		})
		s.replicatedAs(source, to, "1.a.b-c")
		pulls := s.create(object{
			kind: k, namespace: puller, name: "a.b", data: map[string]string{"token": "mine"},
			annotations: annotated(native+"pull-from", from+"/registry.example.com"),
		})
		s.eventually(func() error {
			now, err := s.find(k, puller, pulls.name)
			if err != nil {
				return err
			}
			return errors.Join(isReplica(now, source, "pull"), sameContent(now, source))
		})
		s.expectNoWarning(source)
		// Data that comes, and goes again.
		source = s.edit(source, func(o *object) { o.data = map[string]string{".empty.": "", "some": "thing"} })
		s.replicatedAs(source, to, "1.a.b-c")
		source = s.edit(source, func(o *object) { o.data = nil })
		s.replicatedAs(source, to, "1.a.b-c")
		s.unmoved(nil, from, to, puller)
	})
}
