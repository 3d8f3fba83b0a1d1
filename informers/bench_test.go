package informers

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

func benchmarkedSecret() *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "production", Name: "regcred", ResourceVersion: "123456", UID: "8d8e0bd3-7d4b-4a39-9ab7-b01c1bd0d5a4",
			Labels: map[string]string{
				annotations.LabelReplica: annotations.ReplicaPush, annotations.LabelManagedBy: annotations.ManagedBy,
				annotations.LabelSourceNamespace: "infra", annotations.LabelSourceName: "regcred",
			},
			Annotations: map[string]string{
				annotations.ReplicaOf: "infra/regcred", annotations.ReplicatedAt: "2026-01-01T00:00:00Z",
			},
		},
		Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(strings.Repeat("x", 1300))},
	}
}

func BenchmarkDigest(b *testing.B) {
	key := NewDigestKey()
	content := ContentOfSecret(benchmarkedSecret())
	b.ReportAllocs()
	for b.Loop() {
		key.Digest(content)
	}
}

func BenchmarkTransformReplica(b *testing.B) {
	key := NewDigestKey()
	secret := benchmarkedSecret()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := key.replica(secret); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTransformCandidate(b *testing.B) {
	for _, bc := range []struct {
		name        string
		annotations map[string]string
	}{
		{"stranger", map[string]string{"example.com/unrelated": "true"}},
		{"source", map[string]string{annotations.Prefix + "push-to": "production, staging, team-*"}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			m := &metav1.PartialObjectMetadata{ObjectMeta: benchmarkedSecret().ObjectMeta}
			m.Annotations = bc.annotations
			b.ReportAllocs()
			for b.Loop() {
				if _, err := newCandidate(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkNewNamespace is what a new namespace costs before any key is worked on, beside a thousand others.
func BenchmarkNewNamespace(b *testing.B) {
	for _, sources := range []int{1, 100} {
		b.Run(fmt.Sprint(sources), func(b *testing.B) {
			config := &rest.Config{Host: "http://nowhere"} // the streams do not run
			c := New(Options{
				Metadata: metadata.NewForConfigOrDie(config), Typed: kubernetes.NewForConfigOrDie(config),
				Kinds: []annotations.Kind{annotations.Secret}, Notify: func(Key, Change) {},
			})
			for i := range sources {
				m := &metav1.PartialObjectMetadata{ObjectMeta: benchmarkedSecret().ObjectMeta}
				m.Name, m.Labels = fmt.Sprintf("source-%d", i), nil
				m.Annotations = map[string]string{annotations.Prefix + "push-to": "team-*"}
				if err := c.kinds[annotations.Secret].candidates.Add(m); err != nil {
					b.Fatal(err)
				}
			}
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				m := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
					Name: fmt.Sprintf("team-%d", i%1000), ResourceVersion: fmt.Sprint(i), UID: "u",
					Labels: map[string]string{"generation": fmt.Sprint(i)},
				}}
				if err := c.namespaces.Add(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
