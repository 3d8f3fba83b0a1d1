package informers

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

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
			c := NewTestCluster(nil)
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

// BenchmarkHeap is what an object takes of the heap among fifty thousand: a Secret that concerns nobody, a replica.
func BenchmarkHeap(b *testing.B) {
	const count, namespaces = 50_000, 500
	measure := func(b *testing.B, add func(o *objects, namespace string, i int) error) {
		for b.Loop() {
			c := NewTestCluster(nil)
			before := heap()
			for i := range count {
				if err := add(c.kinds[annotations.Secret], fmt.Sprintf("team-%03d", i%namespaces), i+1); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((heap()-before)/count, "heap-B/object")
			runtime.KeepAlive(c)
		}
	}
	b.Run("stranger", func(b *testing.B) {
		measure(b, func(o *objects, namespace string, i int) error {
			return o.candidates.Add(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: fmt.Sprintf("stranger-%06d", i), ResourceVersion: Version(i).String(),
			}})
		})
	})
	b.Run("replica", func(b *testing.B) {
		measure(b, func(o *objects, namespace string, i int) error {
			s := benchmarkedSecret()
			s.Namespace, s.Name, s.ResourceVersion = namespace, fmt.Sprintf("source-%d", i/namespaces), Version(i).String()
			s.UID = types.UID(fmt.Sprintf("8d8e0bd3-7d4b-4a39-9ab7-%012d", i))
			s.Annotations[annotations.ReplicaOf] = "infra/" + s.Name
			return o.replicas.Add(s)
		})
	})
}

func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkSource is what the watches' view of a source with ten thousand replicas costs at the start of a pass.
func BenchmarkSource(b *testing.B) {
	c := NewTestCluster(nil)
	for i := range 10_000 {
		s := benchmarkedSecret()
		s.Namespace, s.ResourceVersion = fmt.Sprintf("team-%05d", i), Version(i+1).String()
		if err := c.kinds[annotations.Secret].replicas.Add(s); err != nil {
			b.Fatal(err)
		}
	}
	key := Key{annotations.Secret, types.NamespacedName{Namespace: "infra", Name: "regcred"}}
	b.ReportAllocs()
	for b.Loop() {
		if !c.Source(key).HasReplicas {
			b.Fatal("the replicas are not found")
		}
	}
}
