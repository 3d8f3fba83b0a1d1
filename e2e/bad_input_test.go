package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// badValue is an annotation that can't be read, beside those of a policy that could.
type badValue struct {
	policy     map[string]string
	key, value string
	// want is what the Warning says besides the key and the value: what is wrong, and what is expected.
	want []string
}

// TestFrozen: an annotation that cannot be parsed freezes its source.
func TestFrozen(t *testing.T) {
	s := newScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	pushed := annotated(native+"push-to", to)
	reflected := annotated(allowed, "true", auto, "true", autoIn, to)
	replicated := annotated(replicator+"replicate-to", to)
	cases := map[string]badValue{
		"a regular expression for a pattern": {
			pushed, native + "push-to", "team-.*", []string{"looks like a regular expression", "write a* for a.*"},
		},
		"an alternative for a list": {pushed, native + "exclude", "(a|b)", []string{"write a* for a.*, and a,b for (a|b)"}},
		"capitals in a pattern":     {pushed, native + "push-to", "Team-a", []string{"capital", "lower case"}},
		"white space in a pattern":  {pushed, native + "pull-by", "team-a team-b", []string{"separate patterns with commas"}},
		"nothing but a !":           {pushed, native + "exclude", "team-a,!", []string{`only "!"`, "what to take away"}},
		"a ! in the middle":         {pushed, native + "push-to", "team!a", []string{"as the first character"}},
		"a letter of no name":       {pushed, native + "push-to", "team_a", []string{"letters, digits and -"}},
		"an open selector":          {pushed, native + "push-to-selector", "tier in (web", []string{"label selector"}},
		"an empty selector":         {pushed, native + "push-to-selector", "", []string{"is empty", `"*" if that is meant`}},
		"a selector of no key":      {pushed, native + "pull-by-selector", "=web", []string{"label selector"}},
		"a boolean in capitals": {
			pushed, native + "survives-recreation", "True", []string{"neither true nor false", "small letters"},
		},
		"no boolean":       {pushed, native + "survives-recreation", "1", []string{"neither true nor false"}},
		"another deletion": {pushed, native + "on-delete", "orphan", []string{"neither remove nor keep"}},
		"a target-name in capitals": {
			pushed, native + "target-name", "Token", []string{"can't be an object's name", "lower-case"},
		},
		"a target-name of two parts": {
			pushed, native + "target-name", "team/token", []string{"can't be an object's name", "253"},
		},
		"an empty target-name": {pushed, native + "target-name", "", []string{"can't be an object's name"}},
		"a target-name that is too long": {
			pushed, native + "target-name", strings.Repeat("a", 254), []string{"at most 253"},
		},
		"no keys at all":          {pushed, native + "keys", " , ", []string{"names no data key"}},
		"a key that can't be":     {pushed, native + "keys", "a/b", []string{`"a/b" can't be a data key`}},
		"two keys that write one": {pushed, native + "keys", "token=t,user=t", []string{`writes the key "t" twice`, "="}},
		"a key that is not there": {pushed, native + "keys", "token,pasword", []string{"no key pasword", "add it"}},
		"a pattern of label keys": {pushed, native + "copy-labels", "^app$", []string{"looks like a regular expression"}},
		"a pattern of accounts":   {pushed, native + "attach-to-service-accounts", "Default", []string{"lower case"}},
		"beside Reflector's":      {reflected, native + "exclude", "a.*", []string{"write a* for a.*"}},
		"an open group":           {reflected, autoIn, "team-(a", []string{"malformed regular expression"}},
		"an open look-ahead":      {reflected, allowedIn, "^(?!kube.*", []string{"malformed regular expression"}},
		"a repetition of nothing": {reflected, autoIn, "*-team", []string{"malformed regular expression"}},
		"Reflector's selector":    {reflected, autoWhere, "tier in (", []string{"label selector"}},
		"look-ahead in RE2": {
			replicated, replicator + "replicate-to", "^(?!a).*", []string{"no look-around", native + "exclude"},
		},
		"an open class": {
			replicated, replicator + "replicate-to", "team-[a", []string{"malformed regular expression"},
		},
		"kubernetes-replicator's !": {replicated, replicator + "strip-labels", "yes", []string{"neither true nor false"}},
	}
	healthy := s.create(object{
		kind: secret, namespace: from, name: "healthy", data: map[string]string{"token": "one"}, annotations: pushed,
	})
	sources, replicas := map[string]object{}, map[string]object{}
	for i, name := range slices.Sorted(maps.Keys(cases)) {
		sources[name] = s.create(object{
			kind: secret, namespace: from, name: fmt.Sprintf("source-%02d", i), annotations: cases[name].policy,
			data: map[string]string{"token": "one", "user": name},
		})
	}
	for name, source := range sources {
		replicas[name] = s.replicated(source, to)
	}

	for name, bad := range cases {
		sources[name] = s.edit(sources[name], func(o *object) {
			o.annotations[bad.key] = bad.value
			o.data["token"] = "two"
		})
	}
	for name, bad := range cases {
		// A long value is cut.
		want := append([]string{"annotation " + bad.key + ":", bad.value[:min(len(bad.value), 100)]}, bad.want...)
		if event := s.expectEvent(sources[name], "Frozen", want...); event.Type != corev1.EventTypeWarning {
			t.Errorf("%s: the event is of type %s", name, event.Type)
		}
	}
	healthy = s.edit(healthy, func(o *object) { o.data["token"] = "two" })
	s.replicated(healthy, to)
	s.system.CatchUp(s)
	for name, replica := range replicas {
		if now := s.get(secret, to, replica.name); now.version != replica.version {
			t.Errorf("%s: the replica was written", name)
		}
	}

	for name, bad := range cases {
		source := s.edit(sources[name], func(o *object) {
			delete(o.annotations, bad.key)
			maps.Copy(o.annotations, bad.policy)
		})
		s.replicated(source, to)
	}
}

// TestProblemEvents: each problem of a source gets its event.
func TestProblemEvents(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, to := s.namespace("from"), s.namespace("to")
		source := s.create(object{
			kind: k, namespace: from, name: "token", data: map[string]string{"token": "one"},
			annotations: annotated(native+"push-to", to, native+"exclude", "a.*", native+"on-delete", "orphan"),
		})
		s.expectEvent(source, "Frozen", native+"exclude", "a.*")
		s.expectEvent(source, "Frozen", native+"on-delete", "orphan")
		// Another in place of one that was mended, and one that was mended badly.
		source = s.unannotate(source, native+"exclude")
		source = s.annotate(source, native+"on-delete", "leave")
		s.expectEvent(source, "Frozen", native+"on-delete", "leave")
		source = s.edit(source, func(o *object) {
			delete(o.annotations, native+"on-delete")
			o.annotations[native+"keys"] = "nothing"
		})
		s.expectEvent(source, "Frozen", native+"keys", "nothing")
		s.absent(k, to, "token")
		source = s.unannotate(source, native+"keys")
		s.replicated(source, to)
	})
}

// TestTwoDialects: of two dialects on one object, the native one is followed.
func TestTwoDialects(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, a, b, c := s.namespace("from"), s.namespace("to-a"), s.namespace("to-b"), s.namespace("to-c")
		source := s.create(object{
			kind: k, namespace: from, name: "token", data: map[string]string{"token": "one"},
			annotations: annotated(native+"push-to", a, allowed, "true", auto, "true", autoIn, b, replicator+"replicate-to", c),
		})
		s.reaches(source, a)
		s.expectEvent(source, "Ignored", autoIn, "has no effect beside "+native+"push-to")
		s.expectEvent(source, "Ignored", replicator+"replicate-to", "has no effect beside "+native+"push-to")
		// Not even what can't be read in the other dialects matters.
		source = s.annotate(source, autoIn, "(")
		source = s.edit(source, func(o *object) { o.data["token"] = "two" })
		s.replicated(source, a)
		s.reaches(source, a)
		source = s.edit(source, func(o *object) {
			delete(o.annotations, native+"push-to")
			o.annotations[autoIn] = b
		})
		s.reaches(source, b)
		s.expectEvent(source, "Ignored", replicator+"replicate-to", "has no effect beside "+reflector)
	})
}

// TestSlowExpression: an expression that runs out of time freezes its own source, and no other.
func TestSlowExpression(t *testing.T) {
	for name, catastrophe := range map[string]string{"back-reference": `(?:(a+)+)\1b`, "look-ahead": `(a+)+(?!b)x$`} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			from, to := s.namespace("from"), s.namespace("to")
			source := s.create(object{
				kind: secret, namespace: from, name: "token", data: map[string]string{"token": "one"},
				annotations: annotated(allowed, "true", auto, "true", autoIn, to+","+s.ns("")+catastrophe),
			})
			other := s.create(object{
				kind: secret, namespace: from, name: "other", data: map[string]string{"token": "one"},
				annotations: annotated(native+"push-to", s.ns("a*")),
			})
			replica := s.replicated(source, to)
			many := s.namespace(strings.Repeat("a", 62-len(s.prefix)))
			s.expectEvent(source, "Frozen", autoIn, "took too long on the name", "fewer nested repetitions")
			s.replicated(other, many)
			// It stays so, whatever else changes in the cluster.
			source = s.edit(source, func(o *object) { o.data["token"] = "two" })
			s.namespace("later")
			s.untouched(replica)
			source = s.annotate(source, autoIn, to)
			s.reaches(source, to)
			s.replicated(source, to)
		})
	}
}

// TestLinearExpressions: expressions without nested repetitions never run out of time.
func TestLinearExpressions(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, many := s.namespace("from"), s.namespace(strings.Repeat("a", 62-len(s.prefix)))
		for name, policy := range map[string]map[string]string{
			"reflector":  annotated(allowed, "true", auto, "true", autoIn, s.ns("(a+)+$")+","+s.ns("(a+)+b$")),
			"replicator": annotated(replicator+"replicate-to", s.ns("(a+)+b$")+","+s.ns("(a+)+$")),
		} {
			source := s.create(object{
				kind: k, namespace: from, name: name, data: map[string]string{"token": "one"}, annotations: policy,
			})
			s.reaches(source, many)
			s.expectNoWarning(source)
		}
	})
}

// The cluster is its own: to match all namespaces of all tests would take the processor away from these.
func TestManyPatterns(t *testing.T) {
	shared := ownScene(t)
	shared.system.Controller(shared)
	for _, k := range []kind{secret, configMap} {
		s := shared.part(t)
		from, to, excluded := s.namespace("from"), s.namespace("to-z"), s.namespace("to-y")
		// Annotations of a quarter of a mebibyte, the most that the API takes.
		var list strings.Builder
		for i := 0; list.Len() < 250<<10; i++ {
			fmt.Fprintf(&list, "absent-*-%d,", i)
		}
		globs, expressions := list.String(), list.String()[:6<<10]
		for name, policy := range map[string]map[string]string{
			"native":     annotated(native+"push-to", globs+","+s.ns("to-?"), native+"exclude", excluded),
			"excluding":  annotated(native+"push-to", s.ns("to-*"), native+"exclude", globs+","+excluded),
			"reflector":  annotated(allowed, "true", auto, "true", autoIn, expressions+","+s.ns("to-[a-xz]")),
			"replicator": annotated(replicator+"replicate-to", expressions+","+s.ns("to-[a-xz]")),
		} {
			source := s.create(object{
				kind: k, namespace: from, name: name, data: map[string]string{"token": "one"}, annotations: policy,
			})
			s.reaches(source, to)
			s.expectNoWarning(source)
		}
		more := s.create(object{
			kind: k, namespace: from, name: "more", data: map[string]string{"token": "one"},
			annotations: annotated(allowed, "true", auto, "true", autoIn, list.String()[:64<<10]),
		})
		s.expectEvent(more, "Frozen", autoIn, "too many regular expressions", "at most 32768 characters")
		s.absent(k, to, "more")
	}
}
