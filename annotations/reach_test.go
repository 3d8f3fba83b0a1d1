package annotations_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

func TestReachString(t *testing.T) {
	tests := map[string]struct {
		annotations map[string]string
		wantPush    string
		wantPull    string
	}{
		"native": {
			with(native+"push-to", "team-*, !team-b", native+"push-to-selector", "tier in (web,api)",
				native+"pull-by", "a"),
			"namespaces that match team-*,!team-b or have the labels tier in (api,web)", "namespaces that match a",
		},
		"nothing": {with(native+"push-to", ""), "no namespace", "no namespace"},
		"all":     {with(native+"push-to", "*"), "namespaces that match *", "no namespace"},
		"Reflector, everywhere": {
			with(allowed, "true", auto, "true"), "every namespace", "every namespace",
		},
		"Reflector, two sides": {
			with(allowed, "true", allowedList, "a.*", auto, "true", autoSelector, "x=y", autoList, `b,\d+`),
			`namespaces that match in full the expression "a.*", and also match in full the expression "b" or "\d+" ` +
				`or have the labels x=y`,
			`namespaces that match in full the expression "a.*"`,
		},
		"Reflector, one side": {
			with(allowed, "true", allowedList, "a", auto, "true"),
			`namespaces that match in full the expression "a"`, `namespaces that match in full the expression "a"`,
		},
		"kubernetes-replicator": {
			with(replicateTo, "a,b.*"), `namespaces that match in full the expression "a" or "b.*"`, "no namespace",
		},
		"kubernetes-replicator, by an empty selector": {with(toMatching, ""), "every namespace", "no namespace"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			policy := annotations.Parse("ns", "n", tc.annotations).Policy
			if got := policy.Push.String(); got != tc.wantPush {
				t.Errorf("push:\n got %s\nwant %s", got, tc.wantPush)
			}
			if got := policy.Pull.String(); got != tc.wantPull {
				t.Errorf("pull:\n got %s\nwant %s", got, tc.wantPull)
			}
		})
	}
}

// SPEC: "one that … runs out of time freezes its own source and nothing else".
func TestExpressionOutOfTime(t *testing.T) {
	t.Parallel()
	policy := annotations.Parse("ns", "n", with(allowed, "true", allowedList, `good,(?:(a+)+)\1b`)).Policy
	other := annotations.Parse("ns", "o", with(allowed, "true", allowedList, `a+(?<=a)`)).Policy
	if yes, err := policy.PullableBy("good", nil); !yes || err != nil {
		t.Errorf("before: %t, %v", yes, err)
	}
	// Without a timeout this would never end.
	evil := strings.Repeat("a", 63)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			yes, err := policy.PullableBy(evil, nil)
			if yes || err == nil || !strings.Contains(err.Error(), "took too long on the name") ||
				!strings.Contains(err.Error(), "annotation "+allowedList) {
				t.Errorf("= %t, %v, want an error", yes, err)
			}
		})
	}
	wg.Wait()
	for range 1000 {
		if yes, err := policy.PullableBy(evil, nil); yes || err == nil {
			t.Fatalf("again: %t, %v, want the same error", yes, err)
		}
	}
	if yes, err := policy.PullableBy("good", nil); yes || err == nil {
		t.Errorf("another name, after: %t, %v, want an error", yes, err)
	}
	if yes, err := other.PullableBy(evil, nil); !yes || err != nil {
		t.Errorf("another source: %t, %v", yes, err)
	}
}

func TestInvalidNamespaceName(t *testing.T) {
	for _, m := range []map[string]string{
		with(allowed, "true", allowedList, `.*x`, auto, "true"),
		with(allowed, "true", allowedList, `(?s).*(?!a)x`, auto, "true"),
		with(replicateTo, ".*x"),
	} {
		if yes, err := annotations.Parse("ns", "n", m).Policy.PushesTo("a\nx", nil); yes || err != nil {
			t.Errorf("%v: %t, %v", m, yes, err)
		}
	}
}
