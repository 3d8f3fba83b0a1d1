package informers

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// objects is what is known of one kind: its two disjoint stores, and the sources' places in line.
type objects struct {
	kind       annotations.Kind
	candidates stores[*Candidate]
	replicas   stores[*Replica]
	tenures    tenures
}

// Resource is the API's name for a kind.
func Resource(kind annotations.Kind) string { return strings.ToLower(string(kind)) + "s" }

func (c *Cluster) newObjects(kind annotations.Kind, o Options, areas []area) *objects {
	x := &objects{kind: kind, tenures: newTenures()}
	resource := Resource(kind)
	x.candidates = newStores(areas, func(namespace string) storeOptions[*Candidate] {
		return storeOptions[*Candidate]{
			name: resource, source: metadataListerWatcher(o.Metadata, resource, namespace, "!"+annotations.LabelReplica),
			expected: &metav1.PartialObjectMetadata{}, convert: x.newCandidate, indexers: candidateIndexers,
			changed: func(n types.NamespacedName, old, new *Candidate) { c.candidateChanged(x, n, old, new) },
		}
	})
	x.replicas = newStores(areas, func(namespace string) storeOptions[*Replica] {
		full, expected := fullListerWatcher(kind, o, namespace)
		return storeOptions[*Replica]{
			name: resource + "/replicas", source: full, expected: expected, convert: o.DigestKey.replica,
			indexers: replicaIndexers,
			changed:  func(n types.NamespacedName, old, new *Replica) { c.replicaChanged(x, n, old, new) },
		}
	})
	return x
}

// fullListerWatcher is about the replicas of a kind, with their content.
func fullListerWatcher(kind annotations.Kind, o Options, namespace string) (cache.ListerWatcher, runtime.Object) {
	if kind == annotations.ConfigMap {
		return listerWatcher(o.Typed.CoreV1().ConfigMaps(namespace), annotations.LabelReplica), &corev1.ConfigMap{}
	}
	return listerWatcher(o.Typed.CoreV1().Secrets(namespace), annotations.LabelReplica), &corev1.Secret{}
}

// newCandidate lets an unchanged policy stay: it remembers what it has matched, and what time that took.
func (o *objects) newCandidate(obj any) (*Candidate, error) {
	c, err := newCandidate(obj)
	if err != nil || policyOf(c) == nil {
		return c, err
	}
	if policy := policyOf(o.candidates.item(c.NamespacedName)); policy != nil && policy.Equal(policyOf(c)) {
		c.Claims.Policy = policy
	}
	return c, nil
}

// isNamed reports whether any object of the kind names n as its source.
func (o *objects) isNamed(n types.NamespacedName) bool { return o.hasReplicas(n) || o.hasPullers(n) }

// hasReplicas reports whether any object of the kind is or was a replica that names n as its source.
func (o *objects) hasReplicas(n types.NamespacedName) bool {
	return o.replicas.has(bySource, keyOf(n)) || o.candidates.has(bySource, keyOf(n))
}

// hasPullers reports whether any object of the kind asks to be filled from n.
func (o *objects) hasPullers(n types.NamespacedName) bool {
	return o.candidates.has(byPull, keyOf(n)) || o.replicas.has(byPull, keyOf(n))
}
