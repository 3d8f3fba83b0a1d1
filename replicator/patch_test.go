package replicator

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

func wantPatch(t *testing.T, p patch, want string) {
	t.Helper()
	got, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("patch\n%s\nwant\n%s", got, want)
	}
}

func TestPatchEscapesKeys(t *testing.T) {
	p := patch{}
	p.set("/metadata/labels", false, map[string]string{"example.com/a~b": "v"})
	p.unset("/metadata/labels", []string{"example.com/~1"}, nil)
	wantPatch(t, p, `[{"op":"add","path":"/metadata/labels/example.com~1a~0b","value":"v"},`+
		`{"op":"remove","path":"/metadata/labels/example.com~1~01"}]`)
}

func TestPatchHasVersion(t *testing.T) {
	wantPatch(t, newPatch(informers.Version(42)), `[{"op":"replace","path":"/metadata/resourceVersion","value":"42"}]`)
}

func TestPatchAddsMap(t *testing.T) {
	p := patch{}
	p.set("/metadata/annotations", true, map[string]string{"b": "2", "a": "1"})
	wantPatch(t, p, `[{"op":"add","path":"/metadata/annotations","value":{"a":"1","b":"2"}}]`)
}

func TestPatchKeepsOtherEntries(t *testing.T) {
	p := patch{}
	p.set("/metadata/annotations", false, map[string]string{"b": "2", "a": "1"})
	wantPatch(t, p, `[{"op":"add","path":"/metadata/annotations/a","value":"1"},`+
		`{"op":"add","path":"/metadata/annotations/b","value":"2"}]`)
}

func TestPatchUnset(t *testing.T) {
	p := patch{}
	p.unset("/metadata/labels", []string{"dropped", "kept"}, map[string]string{"kept": ""})
	wantPatch(t, p, `[{"op":"remove","path":"/metadata/labels/dropped"}]`)
}

func TestPatchUnmark(t *testing.T) {
	p := patch{}
	p.unmark(map[string]string{
		annotations.CopiedLabels: "team", annotations.ReplicatedKeys: "", annotations.KeptOnDelete: "keep",
	})
	wantPatch(t, p, `[{"op":"add","path":"/metadata/annotations/mirrorball.dev~1copied-annotations","value":""},`+
		`{"op":"remove","path":"/metadata/annotations/mirrorball.dev~1copied-annotations"}]`)
}

func TestPatchContent(t *testing.T) {
	content := informers.Content{
		Data: map[string][]byte{"k": []byte("text")}, Binary: map[string][]byte{"b": {0xff}},
	}
	p := patch{}
	p.content(annotations.ConfigMap, content)
	wantPatch(t, p, `[{"op":"add","path":"/data","value":{"k":"text"}},`+
		`{"op":"add","path":"/binaryData","value":{"b":"/w=="}}]`)
	p = patch{}
	p.content(annotations.Secret, content)
	wantPatch(t, p, `[{"op":"add","path":"/data","value":{"k":"dGV4dA=="}}]`)
}

func TestPatchStripped(t *testing.T) {
	r := &informers.Replica{Identity: informers.Identity{Version: 7}, Unlabelled: true}
	want := informers.Content{
		Type: "Opaque", Labels: map[string]string{annotations.LabelReplica: annotations.ReplicaPush},
		Annotations: map[string]string{
			annotations.CopiedLabels: "", annotations.CopiedAnnotations: "", annotations.ReplicatedKeys: "",
			annotations.KeptOnDelete: "",
		},
	}
	got := updatePatch(annotations.Secret, r, want, time.Time{})
	wantPatch(t, got[:4], `[{"op":"replace","path":"/metadata/resourceVersion","value":"7"},`+
		`{"op":"add","path":"/type","value":"Opaque"},{"op":"add","path":"/data","value":null},`+
		`{"op":"add","path":"/metadata/labels","value":{"mirrorball.dev/replica":"push"}}]`)
}
