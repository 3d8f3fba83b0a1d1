package informers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mirrorball-dev/mirrorball/annotations"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func FuzzSplitList(f *testing.F) {
	for _, s := range []string{"", ",", "a", "tls.crt,tls.key", "a,,b", "a, b", "\xff,é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list := SplitList(s)
		if got := strings.Join(list, ","); got != s {
			t.Errorf("of %q is read %q, which is written %q", s, list, got)
		}
		if (len(list) == 0) != (s == "") {
			t.Errorf("%q has %d entries", s, len(list))
		}
		for _, entry := range list {
			if strings.Contains(entry, ",") {
				t.Errorf("the entry %q of %q can be divided", entry, s)
			}
		}
	})
}

// Anyone can write anything there: what is read of it are names that could be asked for, and each stands in the text.
func FuzzParseAttached(f *testing.F) {
	for _, s := range []string{
		"", ",", "regcred=infra/regcred", "a=b/c,d=e/f", "a=b/c,a=d/e", "a=b", "=b/c", "a=/c", "a=b/c/d", "a=b/../c",
		"a= b/c", "a=B/c", "a=b/" + strings.Repeat("c", 300), "a==b/c", "a=b/c=", "ä=ö/ü",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := ParseAttached(s)
		if most := strings.Count(s, ",") + 1; len(got) > most {
			t.Fatalf("%d entries of at most %d", len(got), most)
		}
		var entries []string
		for name, source := range got {
			if !annotations.CouldName(source) {
				t.Errorf("%q is no name", source)
			}
			entry := name + "=" + source.String()
			if !strings.Contains(","+s+",", ","+entry+",") {
				t.Errorf("%q is not in the text", entry)
			}
			entries = append(entries, entry)
		}
		if diff := cmp.Diff(got, ParseAttached(strings.Join(entries, ","))); diff != "" {
			t.Errorf("read again (-first +second):\n%s", diff)
		}
	})
}

// A record that was read is written as the same, under the same name.
func FuzzRecord(f *testing.F) {
	f.Add("Secret", "infra", "regcred", "u", "Opaque", `{"mirrorball.dev/push-to":"*"}`)
	f.Add("ConfigMap", "infra", "bundle", "", "", `{"mirrorball.dev/push-to":"("}`)
	f.Add("Pod", "", "/", "u", "x", `{}`)
	f.Add("Secret", "a", "b", "u", "t", `null`)
	f.Add("Secret", "a", "b", "u", "t", `{"a":1}`)
	f.Add("Secret", "a", "b", "u", "t", ``)
	f.Fuzz(func(t *testing.T, kind, namespace, name, uid, secretType, policy string) {
		cm := &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: "mirrorball-system", Name: "policy-x", ResourceVersion: "1"},
			Data: map[string]string{
				"kind": kind, "namespace": namespace, "name": name, "uid": uid, "type": secretType, "annotations": policy,
			},
		}
		first, err := newRecord(cm)
		if err != nil {
			if strings.Contains(err.Error(), policy) && len(policy) > 8 {
				t.Errorf("the error has the whole text in it: %v", err)
			}
			return
		}
		written := first.ConfigMap("mirrorball-system")
		written.ResourceVersion = "2"
		second, err := newRecord(written)
		if err != nil {
			t.Fatal(err)
		}
		if !first.Same(second) {
			t.Errorf("it is another: %+v and %+v", first, second)
		}
		if rewritten := second.ConfigMap("mirrorball-system"); rewritten.Name != written.Name {
			t.Errorf("it has the name %s and %s", written.Name, rewritten.Name)
		}
	})
}
