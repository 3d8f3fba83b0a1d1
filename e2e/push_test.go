package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestPush: a source is pushed into the namespaces that match.
func TestPush(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to, other := s.namespace("from"), s.namespace("to"), s.namespace("other")
		mark := s.mark()
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": s.ns("t*")},
		})
		s.replicated(source, to)
		s.absent(k, other, s.token())
		later := s.namespace("team-made-later")
		s.replicated(source, later)
		s.unmoved(nil, from, to, later, other)

		create := "create " + k.resource() + " "
		want := []string{create + later + "/" + s.token(), create + to + "/" + s.token()}
		if diff := cmp.Diff(want, s.writes(mark, from, to, later, other)); diff != "" {
			t.Errorf("the controller's writes (-want +got):\n%s", diff)
		}
	})
}

// reachCase is a policy and the namespaces that it selects. In the annotations' values, and only there, {} stands for
// what all names of the test's namespaces begin with.
type reachCase struct {
	annotations map[string]string
	want        []string
}

// checkReach makes a source of each case in the namespace "from" and compares where their replicas come to stand.
func checkReach(s *scene, k kind, cases map[string]reachCase) {
	s.Helper()
	sources := map[string]object{}
	for i, name := range slices.Sorted(maps.Keys(cases)) {
		annotations := map[string]string{}
		for key, value := range cases[name].annotations {
			annotations[key] = strings.ReplaceAll(value, "{}", s.ns(""))
		}
		sources[name] = s.create(object{
			kind: k, namespace: s.ns("from"), name: fmt.Sprintf("source-%02d", i), annotations: annotations,
			data: map[string]string{"case": name},
		})
	}
	check := func(name string) error {
		var want []string
		for _, suffix := range cases[name].want {
			want = append(want, s.ns(suffix))
		}
		if err := s.hasReached(sources[name], want...); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	for name := range cases {
		s.eventually(func() error { return check(name) })
	}
	s.system.CatchUp(s)
	for name := range cases {
		if err := check(name); err != nil {
			s.Error(err)
		}
	}
}

// TestPushReach: namespaces are selected by patterns and by labels.
func TestPushReach(t *testing.T) {
	both := func(list, selector string) map[string]string {
		return map[string]string{native + "push-to": list, native + "push-to-selector": selector}
	}
	list := func(list string) map[string]string { return map[string]string{native + "push-to": list} }
	selector := func(selector string) map[string]string {
		return map[string]string{native + "push-to-selector": selector}
	}
	excluding := func(policy map[string]string, exclude string) map[string]string {
		policy[native+"exclude"] = exclude
		return policy
	}
	cases := map[string]reachCase{
		"a name":                               {list("{}team-a"), []string{"team-a"}},
		"a name is matched whole":              {list("{}team"), nil},
		"a regular expression is none":         {list("{}team-.+"), nil},
		"* is any run of characters":           {list("{}team-*"), []string{"team-a", "team-b", "team-bb"}},
		"* is also none":                       {list("{}team-b*"), []string{"team-b", "team-bb"}},
		"* stands anywhere":                    {list("{}*-b*"), []string{"team-b", "team-bb", "web-b"}},
		"? is any one character":               {list("{}team-?"), []string{"team-a", "team-b"}},
		"a list, white space around each":      {list(" {}team-a ,{}web-b , "), []string{"team-a", "web-b"}},
		"! takes away":                         {list("{}team-*, !{}team-b"), []string{"team-a", "team-bb"}},
		"! takes away by a pattern":            {list("{}team-*,!{}*b"), []string{"team-a"}},
		"! takes away wherever it stands":      {list("!{}team-b,{}team-*"), []string{"team-a", "team-bb"}},
		"! alone gives nothing":                {list("!{}team-b"), nil},
		"an empty list is no namespace":        {list(""), nil},
		"its own namespace is never a target":  {list("{}from,{}web-b"), []string{"web-b"}},
		"labels":                               {selector("{}tier=web"), []string{"team-b", "web-b"}},
		"labels, by a set":                     {selector("{}tier in (web, db)"), []string{"team-a", "team-b", "web-b"}},
		"labels, by two requirements":          {selector("{}tier=web,{}stage!=test"), []string{"web-b"}},
		"labels, by a key alone":               {selector("{}stage"), []string{"team-b"}},
		"list and selector: either suffices":   {both("{}team-bb", "{}tier=db"), []string{"team-a", "team-bb"}},
		"! does not take away what labels did": {both("!{}team-b", "{}tier=web"), []string{"team-b", "web-b"}},
		"exclude": {
			excluding(list("{}*"), "{}team-?"), []string{"team-bb", "web-b"},
		},
		"exclude, whatever the labels say": {
			excluding(both("{}team-b", "{}tier=web"), " {}web-* , {}team-b"), nil,
		},
		"exclude, but for": {
			excluding(list("{}*"), "{}*,!{}team-a"), []string{"team-a"},
		},
	}
	forEachKind(t, func(s *scene, k kind) {
		s.namespace("from", s.ns("tier"), "web")
		s.namespace("team-a", s.ns("tier"), "db")
		s.namespace("team-b", s.ns("tier"), "web", s.ns("stage"), "test")
		s.namespace("team-bb")
		s.namespace("web-b", s.ns("tier"), "web")
		checkReach(s, k, cases)
	})
}

// TestReplicaMetadata: a replica has Mirrorball's own labels and annotations, and no other metadata of its source.
func TestReplicaMetadata(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		owner := s.create(object{kind: configMap, namespace: from, name: "owner"})
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one"},
			labels: map[string]string{"app": "shop", "app.kubernetes.io/managed-by": "Helm"},
			annotations: map[string]string{
				native + "push-to": to, "example.com/note": "of the source",
				"kubectl.kubernetes.io/last-applied-configuration": "{}",
			},
			owners: []metav1.OwnerReference{
				{APIVersion: "v1", Kind: "ConfigMap", Name: owner.name, UID: owner.uid},
			},
			finalizers: []string{"example.com/hold"},
		})
		defer s.release(source)
		before := time.Now().Add(-time.Second).Truncate(time.Second)
		replica := s.replicated(source, to)

		stamp := replica.annotations[native+"replicated-at"]
		at, err := time.Parse(time.RFC3339, stamp)
		if err != nil || !strings.HasSuffix(stamp, "Z") || at.Before(before) || at.After(time.Now()) {
			t.Errorf("replicated-at is %q (%v), want now, in UTC", stamp, err)
		}
		want := object{
			labels: map[string]string{
				"app.kubernetes.io/managed-by": "mirrorball",
				native + "replica":             "push",
				native + "source-namespace":    from,
				native + "source-name":         s.token(),
			},
			annotations: map[string]string{native + "replica-of": from + "/" + s.token(), native + "replicated-at": stamp},
		}
		got := object{
			labels: replica.labels, annotations: replica.annotations,
			owners: replica.owners, finalizers: replica.finalizers,
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(object{})); diff != "" {
			t.Errorf("what a replica has besides its content (-want +got):\n%s", diff)
		}
	})
}

// TestLongSourceName: a name that is too long for a label is shortened there, and complete in the annotation.
func TestLongSourceName(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		start := strings.Repeat("long-", 15)
		var values []string
		for _, name := range []string{start + "a", start + "b"} {
			s.create(object{
				kind: k, namespace: from, name: name, annotations: map[string]string{native + "push-to": to},
			})
			var replica object
			s.eventually(func() (err error) {
				replica, err = s.find(k, to, name)
				return err
			})
			if got, want := replica.annotations[native+"replica-of"], from+"/"+name; got != want {
				t.Errorf("replica-of is %q, want %q", got, want)
			}
			values = append(values, replica.labels[native+"source-name"])
		}
		if values[0] == values[1] || !strings.HasPrefix(values[0], "long-long-") {
			t.Errorf("the labels are %q: want two, each beginning as the name does", values)
		}
	})
}

func TestTargetName(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": s.ns("*"), native + "target-name": "shared"},
		})
		s.replicatedAs(source, to, "shared")
		s.absent(k, to, s.token())
		s.absent(k, from, "shared")

		source = s.annotate(source, native+"target-name", "renamed")
		s.replicatedAs(source, to, "renamed")
		s.gone(k, to, "shared")
	})
}

func TestReplicaType(t *testing.T) {
	s := newScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	for name, source := range map[string]object{
		"pull":   {typ: corev1.SecretTypeDockerConfigJson, data: map[string]string{".dockerconfigjson": "{}"}},
		"basic":  {typ: corev1.SecretTypeBasicAuth, data: map[string]string{"username": "u", "password": "p"}},
		"ssh":    {typ: corev1.SecretTypeSSHAuth, data: map[string]string{"ssh-privatekey": "k"}},
		"custom": {typ: "example.com/token", data: map[string]string{"binary": "\x00\xff\xfe"}},
		"empty":  {},
	} {
		source.namespace, source.name, source.kind = from, name, secret
		source.annotations = map[string]string{native + "push-to": to}
		s.replicated(s.create(source), to)
	}
}

func TestBinaryData(t *testing.T) {
	s := newScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	source := s.create(object{
		kind: configMap, namespace: from, name: "settings", data: map[string]string{"text": "ä"},
		binary:      map[string][]byte{"picture": {0, 0xff, 0xfe}},
		annotations: map[string]string{native + "push-to": to},
	})
	s.replicated(source, to)
	source = s.edit(source, func(o *object) { o.binary["picture"] = []byte{1, 0xff} })
	s.replicated(source, to)
	source = s.edit(source, func(o *object) { o.binary = nil })
	s.replicated(source, to)
}

// TestImmutableSource: an immutable source has immutable replicas, which are replaced when it is.
func TestImmutableSource(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := object{
			kind: k, namespace: from, name: s.token(), immutable: true, data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": to},
		}
		created := s.create(source)
		first := s.replicated(created, to)

		// What is immutable changes by being made again.
		s.delete(created)
		source.data = map[string]string{"token": "two"}
		second := s.replicated(s.create(source), to)
		if second.uid == first.uid {
			t.Error("an immutable replica has changed")
		}
	})
}

// TestSourceMadeImmutable: a source that becomes immutable makes its replicas immutable.
func TestSourceMadeImmutable(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one"},
			annotations: map[string]string{native + "push-to": to},
		})
		before := s.replicated(source, to)
		source = s.edit(source, func(o *object) { o.immutable = true })
		if after := s.replicated(source, to); after.uid != before.uid {
			t.Error("the replica was made again, though it could change in place")
		}
	})
}

// TestDataUpdates: a replica follows its source's data.
func TestDataUpdates(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one", "old": "1"},
			annotations: map[string]string{native + "push-to": to},
		})
		first := s.replicated(source, to)
		for what, change := range map[string]func(*object){
			"a key added":   func(o *object) { o.data["new"] = "1" },
			"a key changed": func(o *object) { o.data["token"] = "two" },
			"a key removed": func(o *object) { delete(o.data, "old") },
		} {
			source = s.edit(source, change)
			if replica := s.replicated(source, to); replica.uid != first.uid {
				t.Errorf("%s: the replica was made again, though it could change in place", what)
			}
		}
		s.edit(source, func(o *object) { o.data = nil })
		s.eventually(func() error {
			replica, err := s.find(k, to, s.token())
			if err == nil && len(replica.data) > 0 {
				err = fmt.Errorf("the source is empty, the replica is not")
			}
			return err
		})
	})
}

// TestSourceTypeChange: a source that is created again with another type has its replicas created again.
func TestSourceTypeChange(t *testing.T) {
	s := newScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	source := object{
		kind: secret, namespace: from, name: s.token(), typ: "example.com/a", data: map[string]string{"token": "one"},
		annotations: map[string]string{native + "push-to": to},
	}
	created := s.create(source)
	s.replicated(created, to)
	s.delete(created)
	source.typ = "example.com/b"
	s.replicated(s.create(source), to)
}

// TestUnrelatedSourceEdit: an edit of the source that its replicas do not carry causes no write.
func TestUnrelatedSourceEdit(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "one"},
			labels: map[string]string{"app": "shop"}, annotations: map[string]string{native + "push-to": to},
		})
		s.replicated(source, to)
		mark := s.mark()
		s.unmoved(func() {
			s.edit(source, func(o *object) {
				o.labels["app"], o.labels["new"] = "stall", "label"
				o.annotations["example.com/note"] = "nobody asked to carry this over"
			})
			// The policy says the same in other words, and more than matters here.
			s.annotate(source, native+"push-to", " "+to+" , "+s.ns("never"))
			s.edit(source, func(o *object) { o.finalizers = []string{"example.com/hold"} })
			s.release(source)
		}, to)
		if writes := s.writes(mark, from, to); len(writes) > 0 {
			t.Errorf("the controller wrote %q", writes)
		}
	})
}

// TestReplicatedAt: the annotation replicated-at changes with the content only.
func TestReplicatedAt(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to, other := s.namespace("from"), s.namespace("to"), s.namespace("other")
		source := s.create(object{
			kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "0"},
			annotations: map[string]string{native + "push-to": to},
		})
		stamp := func(o object) string { return o.annotations[native+"replicated-at"] }
		first := s.replicated(source, to)
		// It counts seconds: the content is changed until one has gone by.
		edits := 0
		s.eventually(func() error {
			edits++
			source = s.edit(source, func(o *object) { o.data["token"] = fmt.Sprint(edits) })
			if now := s.replicated(source, to); stamp(now) == stamp(first) {
				return fmt.Errorf("after %d changes of content replicated-at is still %s", edits, stamp(now))
			}
			return nil
		})
		second := s.replicated(source, to)
		// In a later second there are changes of all but the content.
		source = s.annotate(source, native+"push-to", to+","+other)
		s.eventually(func() error {
			source = s.edit(source, func(o *object) { o.labels["edit"] = fmt.Sprint(time.Now().UnixNano()) })
			s.delete(s.replicated(source, other))
			if now := s.replicated(source, other); stamp(now) == stamp(second) {
				return fmt.Errorf("it is still %s", stamp(now))
			}
			return nil
		})
		s.untouched(second)
	})
}
