package annotations_test

import (
	"fmt"
	"testing"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

var benchmarks = map[string]map[string]string{
	"native": with(native+"push-to", "team-*,!team-b", native+"push-to-selector", "tier in (web,api)",
		native+"keys", "a,b=c"),
	"reflector": with(allowed, "true", allowedList, "^(?!(?:default|kube-system)$).*,team-a",
		auto, "true", autoSelector, "x=y"),
	"dotnet":     with(allowed, "true", allowedList, `team-(?!a)(\w)\1*`, auto, "true"),
	"replicator": with(replicateTo, "team-.*,default"),
}

func BenchmarkParse(b *testing.B) {
	for name, m := range benchmarks {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				annotations.Parse("ns", "n", m)
			}
		})
	}
	// What most objects in a cluster are like.
	b.Run("stranger", func(b *testing.B) {
		m := with("kubectl.kubernetes.io/last-applied-configuration", "{}", "meta.helm.sh/release-name", "x")
		b.ReportAllocs()
		for b.Loop() {
			annotations.Parse("ns", "n", m)
		}
	})
}

func BenchmarkPushesTo(b *testing.B) {
	for name, m := range benchmarks {
		b.Run(name, func(b *testing.B) {
			policy := annotations.Parse("ns", "n", m).Policy
			labels := map[string]string{"tier": "db"}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = policy.PushesTo("team-bb", labels)
			}
		})
	}
}

// BenchmarkNamespaces is one pass of a policy over a large cluster.
func BenchmarkNamespaces(b *testing.B) {
	names := make([]string, 10_000)
	for i := range names {
		names[i] = fmt.Sprintf("team-%d-of-the-platform", i)
	}
	pass := func(b *testing.B, policy *annotations.Policy) {
		for _, name := range names {
			if ok, err := policy.PushesTo(name, nil); !ok || err != nil {
				b.Fatalf("%s: %t, %v", name, ok, err)
			}
		}
	}
	for name, list := range map[string]string{
		"recipe":     "^(?!(?:default|kube-system)$).*",
		"linear":     "team-.*",
		"references": `team-(\d)?\1?.*`,
	} {
		m := with(allowed, "true", allowedList, list, auto, "true")
		b.Run(name+"/cold", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				pass(b, annotations.Parse("ns", "n", m).Policy)
			}
		})
		b.Run(name+"/remembered", func(b *testing.B) {
			policy := annotations.Parse("ns", "n", m).Policy
			pass(b, policy)
			b.ReportAllocs()
			for b.Loop() {
				pass(b, policy)
			}
		})
	}
}
