package replicator

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

func desiredPolicy(t *testing.T, a map[string]string) *annotations.Policy {
	t.Helper()
	a[annotations.PushTo] = "*"
	claims := annotations.Parse("from", "s", a)
	if claims.Policy == nil || len(claims.Problems) > 0 {
		t.Fatalf("not a policy: %v", claims.Problems)
	}
	return claims.Policy
}

// TestCopiedKeys: copied labels and annotations do not replace Mirrorball's own.
func TestCopiedKeys(t *testing.T) {
	p := desiredPolicy(t, map[string]string{annotations.CopyLabels: "*", annotations.CopyAnnotations: "team*"})
	got, err := pushed(contentKey("s"), p, informers.Content{
		Type: "Opaque", Immutable: true, Data: map[string][]byte{"k": []byte("v")},
		Labels:      map[string]string{"b": "2", "a": "1", annotations.LabelManagedBy: "helm"},
		Annotations: map[string]string{"team": "x", "other": "y"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := informers.Content{
		Type: "Opaque", Immutable: true, Data: map[string][]byte{"k": []byte("v")}, Binary: map[string][]byte{},
		Labels: map[string]string{
			"a": "1", "b": "2", annotations.LabelManagedBy: annotations.ManagedBy, annotations.LabelReplica: "push",
			annotations.LabelSourceNamespace: "from", annotations.LabelSourceName: "s",
		},
		Annotations: map[string]string{
			"team": "x", annotations.ReplicaOf: "from/s", annotations.CopiedLabels: "a,b",
			annotations.CopiedAnnotations: "team",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("replica (-want +got):\n%s", diff)
	}
}

func TestPlainReplicaKeys(t *testing.T) {
	p := desiredPolicy(t, map[string]string{annotations.CopyLabels: "*", annotations.CopyAnnotations: "example.com/*"})
	c := informers.Content{
		Type: "Opaque", Data: map[string][]byte{"k": []byte("v")},
		Labels:      map[string]string{"team": "x", "app.kubernetes.io/name": "y", "example.com/z": "z"},
		Annotations: map[string]string{"example.com/note": "n"},
	}
	d, err := desiredOf(contentKey("s"), p, c)
	if err != nil {
		t.Fatal(err)
	}
	want := informers.Content{
		Type: "Opaque", Data: c.Data, Binary: map[string][]byte{},
		Labels: map[string]string{
			"team": "x", "app.kubernetes.io/name": "y", annotations.LabelManagedBy: annotations.ManagedBy,
			annotations.LabelReplica: "push", annotations.LabelSourceNamespace: "from", annotations.LabelSourceName: "s",
		},
		Annotations: map[string]string{
			annotations.ReplicaOf: "from/s", annotations.CopiedLabels: "app.kubernetes.io/name,team",
		},
	}
	if diff := cmp.Diff(want, d.plain); diff != "" {
		t.Errorf("plain (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"example.com/z", "example.com/note"}, prefixed(d.push)); diff != "" {
		t.Errorf("prefixed (-want +got):\n%s", diff)
	}
	if d.push.Labels["example.com/z"] != "z" || d.push.Annotations["example.com/note"] != "n" {
		t.Errorf("the others are lost from %v and %v", d.push.Labels, d.push.Annotations)
	}
}

func TestSelectedKeys(t *testing.T) {
	source := informers.Content{
		Data: map[string][]byte{"a": []byte("1"), "b": []byte("2")}, Binary: map[string][]byte{"bin": {0xff}},
	}
	got, err := selected(desiredPolicy(t, map[string]string{annotations.Keys: "a,bin=blob"}), source)
	want := informers.Content{Data: map[string][]byte{"a": []byte("1")}, Binary: map[string][]byte{"blob": {0xff}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, content (-want +got):\n%s", err, diff)
	}
	_, err = selected(desiredPolicy(t, map[string]string{annotations.Keys: "x,a,y"}), source)
	if want := "the source has no key x, y; add it, or take it out of the annotation"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestMerged(t *testing.T) {
	own := informers.Content{
		Data:        map[string][]byte{"own": []byte("o"), "shared": []byte("old"), "dropped": []byte("d")},
		Binary:      map[string][]byte{"blob": {1}},
		Annotations: map[string]string{annotations.ReplicatedKeys: "shared,dropped"},
	}
	source := informers.Content{
		Data: map[string][]byte{"shared": []byte("new"), "blob": []byte("text now")}, Binary: map[string][]byte{"bin": {2}},
	}
	want := informers.Content{
		Data: map[string][]byte{
			"own": []byte("o"), "shared": []byte("new"), "blob": []byte("text now"),
		},
		Binary: map[string][]byte{"bin": {2}},
	}
	if diff := cmp.Diff(want, merged(own, source)); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
}

func TestCheckCopy(t *testing.T) {
	e := &executor{
		source:  &plan.Source{Identity: informers.Identity{Version: 9}},
		content: informers.Content{Data: map[string][]byte{"k": []byte("v")}, Binary: map[string][]byte{"b": {1}}},
	}
	given := map[string]string{annotations.ReplicatedKeys: "k,b"}
	same := informers.Content{Data: e.content.Data, Binary: e.content.Binary, Annotations: given}
	otherData, otherBinary, more := same, same, same
	otherData.Data = map[string][]byte{"k": []byte("w")}
	otherBinary.Binary = map[string][]byte{"b": {2}}
	more.Data = map[string][]byte{"k": []byte("v"), "own": nil}
	for name, tc := range map[string]struct {
		version   string
		copy      informers.Content
		contested bool
		want      bool
	}{
		"the same content, of whatever version":                  {"1", same, false, true},
		"changed by somebody, but of the source's version":       {"9", otherData, false, true},
		"the same content, where another source wants the place": {"1", same, true, false},
		"of the source's version, where another wants the place": {"9", otherData, true, true},
		"other data of another version":                          {"8", otherData, false, false},
		"other binary data of another version":                   {"8", otherBinary, false, false},
		"data of its own, even beside the source's version":      {"9", more, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := e.checkCopy(tc.version, tc.copy, tc.contested)
			incompatible := (*incompatibleError)(nil)
			if (err == nil) != tc.want || err != nil && !errors.As(err, &incompatible) {
				t.Errorf("error %v, want it taken over: %t", err, tc.want)
			}
		})
	}
}

func TestStamped(t *testing.T) {
	of := map[string]string{"a": "1"}
	got := stamped(of, time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)))
	if diff := cmp.Diff(map[string]string{"a": "1", annotations.ReplicatedAt: "2026-01-02T02:04:05Z"}, got); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if len(of) != 1 {
		t.Errorf("the content has become %v", of)
	}
}

func TestAttachedList(t *testing.T) {
	attached := map[string]types.NamespacedName{
		"b": {Namespace: "from", Name: "t"}, "a": {Namespace: "from", Name: "s"},
	}
	got := attachedList(attached)
	if got != "a=from/s,b=from/t" {
		t.Errorf("memory %q", got)
	}
	if diff := cmp.Diff(attached, informers.ParseAttached(got)); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}
