package annotations_test

import (
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
