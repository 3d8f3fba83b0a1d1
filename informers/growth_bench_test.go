package informers

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// grown is a cluster in which every source has a replica in every namespace, and all are in sync.
type grown struct {
	*Cluster
	policies map[Key]*annotations.Policy
	notified map[Key]Change
	// version is that of the last event.
	version Version
}

func newGrown(tb testing.TB, sources, namespaces int) *grown {
	tb.Helper()
	g := &grown{policies: map[Key]*annotations.Policy{}, notified: map[Key]Change{}}
	g.Cluster = NewTestCluster(func(key Key, change Change) {
		merged := g.notified[key]
		merged.Add(change)
		g.notified[key] = merged
	})
	for i := range namespaces {
		g.namespace(tb, i, "a")
	}
	for i := range sources {
		name := fmt.Sprintf("source-%d", i)
		m := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Namespace: "infra", Name: name, ResourceVersion: g.next(), UID: types.UID(name),
			Annotations: map[string]string{annotations.PushTo: "team-*"},
		}}
		if err := g.kinds[annotations.Secret].candidates.Add(m); err != nil {
			tb.Fatal(err)
		}
		key := Key{annotations.Secret, types.NamespacedName{Namespace: "infra", Name: name}}
		g.policies[key] = annotations.Parse("infra", name, m.Annotations).Policy
		for n := range namespaces {
			g.replica(tb, i, n, "in sync")
		}
	}
	g.look(tb, sources) // what matching costs is paid once
	return g
}

func (g *grown) next() string {
	g.version++
	return g.version.String()
}

// namespace is the event of a namespace that has this label.
func (g *grown) namespace(tb testing.TB, i int, label string) *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Name: fmt.Sprintf("team-%05d", i), UID: types.UID(fmt.Sprintf("team-%05d", i)), ResourceVersion: g.next(),
		Labels: map[string]string{"label": label},
	}}
	if err := g.namespaces.Update(m); err != nil {
		tb.Fatal(err)
	}
	return m
}

// replica is the event of a replica that has this content.
func (g *grown) replica(tb testing.TB, source, namespace int, content string) {
	s := benchmarkedSecret()
	s.Namespace, s.Name = fmt.Sprintf("team-%05d", namespace), fmt.Sprintf("source-%d", source)
	s.ResourceVersion, s.UID = g.next(), types.UID(fmt.Sprintf("%d-%d", source, namespace))
	s.Annotations[annotations.ReplicaOf] = "infra/" + s.Name
	s.Data = map[string][]byte{"k": []byte(content)}
	if err := g.kinds[annotations.Secret].replicas.Update(s); err != nil {
		tb.Fatal(err)
	}
}

// look takes the snapshots that the notified sources ask for.
func (g *grown) look(tb testing.TB, want int) {
	if len(g.notified) != want {
		tb.Fatalf("%d sources were notified, want %d", len(g.notified), want)
	}
	for key, change := range g.notified {
		if s := g.Snapshot(Query{Key: key, Policy: g.policies[key], Scope: change.Scope}); s.Err != nil {
			tb.Fatal(s.Err)
		}
	}
	clear(g.notified)
}

// BenchmarkGrowth is what one event costs, from the watch to the snapshots of the sources that it concerns. It may grow
// with the sources that reach a namespace, and not with the namespaces.
func BenchmarkGrowth(b *testing.B) {
	for _, size := range []struct{ sources, namespaces int }{{10, 1000}, {100, 1000}, {100, 10_000}} {
		g := newGrown(b, size.sources, size.namespaces)
		for _, bc := range []struct {
			name string
			run  func(b *testing.B, i int)
		}{
			{"namespace made and deleted", func(b *testing.B, _ int) {
				made := g.namespace(b, size.namespaces, "a")
				g.look(b, size.sources)
				if err := g.namespaces.Delete(made); err != nil {
					b.Fatal(err)
				}
				g.look(b, size.sources)
			}},
			{"label flip", func(b *testing.B, i int) {
				g.namespace(b, i%size.namespaces, fmt.Sprint(i))
				g.look(b, size.sources)
			}},
			{"replica edit", func(b *testing.B, i int) {
				g.replica(b, i%size.sources, i%size.namespaces, fmt.Sprint(i))
				g.look(b, 1)
			}},
		} {
			b.Run(fmt.Sprintf("%dx%d/%s", size.sources, size.namespaces, bc.name), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					i++
					bc.run(b, i)
				}
			})
		}
	}
}
