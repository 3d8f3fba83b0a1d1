package annotations_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// fuzzKeys are the keys that FuzzParse gives values to, by the bits of its mask.
var fuzzKeys = []string{
	native + "push-to", native + "push-to-selector", native + "pull-by",
	native + "pull-by-selector", native + "exclude",
	native + "target-name", native + "keys", native + "copy-labels", native + "copy-annotations",
	native + "attach-to-service-accounts", native + "on-delete", native + "survives-recreation", native + "paused",
	native + "pull-from",
	native + "unknown", allowed, allowedList, allowedSelector, auto, autoList, autoSelector, reflector + "reflects",
	reflector + "auto-reflects", replicateTo, toMatching, replicateFrom, mayReplicate, mayReplicateTo, stripLabels,
	replicator + "replicated-at", replicator + "replicated-from-version", "stranger",
}

func FuzzParse(f *testing.F) {
	f.Add(uint32(1), "*", "a=b")
	f.Add(uint32(0b11_0001), "team-*,!x", "other")
	f.Add(uint32(1<<14|1<<15|1<<17), "true", "^(?!(?:default)$).*")
	f.Add(uint32(1<<22|1<<26|1<<25), "a.*", "true")
	f.Add(uint32(1<<20|1<<21), "a/b", "True")
	f.Add(uint32(1<<22|1<<23), "((x{10}){10}){10}", "")
	f.Fuzz(func(t *testing.T, mask uint32, even, odd string) {
		m := make(map[string]string)
		for i, key := range fuzzKeys {
			if mask&(1<<i) != 0 {
				m[key] = even
				if i%2 == 1 {
					m[key] = odd
				}
			}
		}
		claims := annotations.Parse("ns", "name", m)
		checkClaims(t, m, claims)

		reparsed := annotations.Parse("ns", "name", m)
		if !claims.Policy.Equal(reparsed.Policy) || !slices.Equal(claims.Problems, reparsed.Problems) ||
			!slices.Equal(claims.Ignored, reparsed.Ignored) {
			t.Error("two readings of the same differ")
		}
		if claims.Policy != nil && len(claims.Problems) == 0 {
			remembered := annotations.Parse("ns", "name", annotations.PolicyAnnotations(m))
			if !claims.Policy.Equal(remembered.Policy) {
				t.Errorf("of %v is remembered %v: another policy", m, annotations.PolicyAnnotations(m))
			}
		}
	})
}

// checkClaims is what holds of whatever anybody writes.
func checkClaims(t *testing.T, m map[string]string, claims annotations.Claims) {
	t.Helper()
	if claims.Policy != nil && (claims.PullFrom != nil || claims.Mirror != nil) {
		t.Error("a replica is a source: a chain")
	}
	if claims.PullFrom != nil && claims.PullFrom.From == (types.NamespacedName{Namespace: "ns", Name: "name"}) {
		t.Error("it pulls from itself")
	}
	for _, p := range slices.Concat(claims.Problems, claims.Ignored) {
		value, ok := m[p.Key]
		if !ok || !strings.HasPrefix(value, p.Value) || p.Value == "" && value != "" || p.Reason == "" {
			t.Errorf("problem %#v of nothing that is there", p)
		}
		if s := p.String(); !utf8.ValidString(s) || strings.ContainsAny(s, "\n\x1b") || len(s) > 2000 {
			t.Errorf("in a line: %q", s)
		}
	}
	if !slices.IsSortedFunc(claims.Problems, byKey) || !slices.IsSortedFunc(claims.Ignored, byKey) {
		t.Error("not sorted")
	}
	for _, namespace := range []string{"a", "default", "team-a", strings.Repeat("a", 63)} {
		push, pushErr := claims.Policy.PushesTo(namespace, map[string]string{"a": "b"})
		pull, pullErr := claims.Policy.PullableBy(namespace, nil)
		if len(claims.Problems) > 0 && (push || pull) {
			t.Errorf("an unreadable policy selects %s", namespace)
		}
		if pushErr != nil && push || pullErr != nil && pull {
			t.Error("an error and a yes")
		}
	}
	p := claims.Policy
	if p == nil {
		return
	}
	if len(validation.IsDNS1123Subdomain(p.ReplicaName("name"))) > 0 {
		t.Errorf("replicas are called %q", p.ReplicaName("name"))
	}
	if p.OnDelete != annotations.Remove && p.OnDelete != annotations.Keep {
		t.Errorf("on delete, %q", p.OnDelete)
	}
	for _, key := range []string{native + "push-to", allowed, replicateTo} {
		if p.CopyLabels.MatchKey(key) || p.CopyAnnotations.MatchKey(key) {
			t.Errorf("%s is carried over: a chain", key)
		}
	}
}

func byKey(a, b annotations.Problem) int { return strings.Compare(a.Key, b.Key) }

func FuzzPatterns(f *testing.F) {
	f.Add("team-*,!team-b", "team-a")
	f.Add("*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaa")
	f.Add("!", "")
	f.Add(" , ?", "ä")
	f.Fuzz(func(t *testing.T, list, name string) {
		for _, parse := range []func(string) (annotations.Patterns, error){
			annotations.ParseNamespacePatterns, annotations.ParseNamePatterns, annotations.ParseKeyPatterns,
		} {
			patterns, err := parse(list)
			if err != nil && (!patterns.Empty() || patterns.Match(name)) {
				t.Errorf("%q is unreadable and selects %q", list, name)
			}
			if patterns.MatchKey(name) && !patterns.Match(name) {
				t.Errorf("%q matches %q as a key only", list, name)
			}
			reparsed, err := parse(patterns.String())
			if err != nil || !reparsed.Equal(patterns) {
				t.Errorf("%q is written %q and read %q (%v)", list, patterns, reparsed, err)
			}
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add("a,b=c")
	f.Add("a=b,b=a")
	f.Add("=,=")
	f.Add(" tls.crt = ca.crt ,")
	f.Fuzz(func(t *testing.T, s string) {
		claims := annotations.Parse("ns", "n", with(native+"push-to", "*", native+"keys", s))
		if len(claims.Problems) > 0 {
			return
		}
		if len(claims.Policy.Keys) == 0 {
			t.Errorf("%q is all keys", s)
		}
		seen := make(map[string]bool)
		for _, k := range claims.Policy.Keys {
			if seen[k.To] || len(validation.IsConfigMapKey(k.From)) > 0 || len(validation.IsConfigMapKey(k.To)) > 0 {
				t.Errorf("%q has %+v", s, k)
			}
			seen[k.To] = true
		}
	})
}

func FuzzAcceptFrom(f *testing.F) {
	f.Add("*", "a")
	f.Add("", "a")
	f.Add("^a$", "a")
	f.Fuzz(func(t *testing.T, s, namespace string) {
		patterns, problem := annotations.ParseAcceptFrom(with(native+"accept-from", s))
		if patterns == nil {
			t.Fatal("what is there accepts all")
		}
		if problem != nil && patterns.Match(namespace) {
			t.Errorf("%q is unreadable and accepts %q", s, namespace)
		}
	})
}

func FuzzReflectorPatterns(f *testing.F) {
	f.Add("^(?!(?:default|kube-system)$).*", "default")
	f.Add(`(?:(a+)+)\1b`, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	f.Add("(?x)a # b", "a")
	f.Add("a)|(b,c", "a")
	f.Add("(?\n0", "a")
	f.Add("(?(1)a|b)(c)", "b")
	f.Add(`\p{L}[a-z-[b]]\u0041\k<n>(?<n>)`, "ab")
	f.Fuzz(func(t *testing.T, list, namespace string) {
		m := with(allowed, "true", allowedList, list, auto, "true")
		claims := annotations.Parse("ns", "name", m)
		checkClaims(t, m, claims)
		push, err := claims.Policy.PushesTo(namespace, nil)
		pull, _ := claims.Policy.PullableBy(namespace, nil)
		if err == nil && push != pull {
			t.Errorf("%q gives two answers about %q", list, namespace)
		}
	})
}

func FuzzReplicatorPatterns(f *testing.F) {
	f.Add("a|b,c.*", "default")
	f.Add("((x{10}){10}){10}", "x")
	f.Add("a)|(b", "a")
	f.Fuzz(func(t *testing.T, list, namespace string) {
		m := with(replicateTo, list)
		claims := annotations.Parse("ns", "name", m)
		checkClaims(t, m, claims)
		if _, err := claims.Policy.PushesTo(namespace, nil); err != nil {
			t.Errorf("RE2 can always tell: %v", err)
		}
	})
}

func FuzzLabelValue(f *testing.F) {
	f.Add("a", "b")
	f.Add(strings.Repeat("a.", 40), strings.Repeat("a.", 41))
	f.Add(strings.Repeat("-", 100), strings.Repeat("ü", 100))
	f.Fuzz(func(t *testing.T, a, b string) {
		va, vb := annotations.LabelValue(a), annotations.LabelValue(b)
		if errs := validation.IsValidLabelValue(va); len(errs) > 0 {
			t.Errorf("%q of %q is no label value: %v", va, a, errs)
		}
		if len(validation.IsValidLabelValue(a)) == 0 && va != a {
			t.Errorf("%q fits and becomes %q", a, va)
		}
		if a != b && len(a) > 63 && len(b) > 63 && va == vb {
			t.Errorf("%q and %q are both %q", a, b, va)
		}
	})
}
