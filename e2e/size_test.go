package e2e

import (
	"strings"
	"testing"
)

// The API's limits on the data of a Secret or a ConfigMap, and on an object's annotations, keys and values together.
const (
	mebibyte         = 1 << 20
	annotationsLimit = 256 << 10
)

// TestTooLargeReplica: a replica that would be too large is not written, and the present one stays.
func TestTooLargeReplica(t *testing.T) {
	half := strings.Repeat("x", mebibyte/2+1)
	forEachKind(t, func(s *scene, k kind) {
		for name, grow := range map[string]func(o *object){
			"twice-the-data": func(o *object) {
				o.data["token"] = half
				o.annotations[native+"keys"] = "token,token=again"
			},
			"as-many-annotations-as-can-be": func(o *object) {
				room := annotationsLimit - len("example.com/notes")
				for key, value := range o.annotations {
					room -= len(key) + len(value)
				}
				o.annotations["example.com/notes"] = strings.Repeat("n", room)
			},
		} {
			t, ok := s.TB.(*testing.T)
			if !ok {
				s.Fatal("it has no parts")
			}
			t.Run(name, func(t *testing.T) {
				s := s.part(t)
				from, to := s.namespace("from"), s.namespace("to")
				source := s.create(object{
					kind: k, namespace: from, name: name, data: map[string]string{"token": "one"},
					annotations: annotated(native+"push-to", s.ns("*"), native+"copy-annotations", "example.com/*"),
				})
				replica := s.replicated(source, to)
				grown := s.edit(source, grow)
				s.expectEvent(grown, "Blocked", to+"/"+name, "too large", "(422)")
				s.untouched(replica)
				later := s.namespace("later")
				s.absent(k, later, name)
				mended := s.edit(grown, func(o *object) {
					o.data["token"] = "two"
					delete(o.annotations, native+"keys")
					delete(o.annotations, "example.com/notes")
				})
				s.replicated(mended, to)
				s.replicated(mended, later)
			})
		}
	})
}

// TestLargestSource: a source as large as the API accepts is replicated.
func TestLargestSource(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to, puller := s.namespace("from"), s.namespace("to"), s.namespace("puller")
		source := s.create(object{
			kind: k, namespace: from, name: "token", data: map[string]string{"token": strings.Repeat("a", mebibyte)},
			annotations: annotated(native+"push-to", to, native+"pull-by", puller,
				"example.com/notes", strings.Repeat("n", 255<<10)),
		})
		s.replicated(source, to)
		s.pulled(source, s.create(object{
			kind: k, namespace: puller, name: "token", annotations: annotated(native+"pull-from", from+"/token"),
		}))
		source = s.edit(source, func(o *object) { o.data["token"] = strings.Repeat("b", mebibyte) })
		s.replicated(source, to)
		s.expectNoWarning(source)
	})
}
