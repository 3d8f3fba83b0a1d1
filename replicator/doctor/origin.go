package doctor

import (
	"crypto/sha256"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// digest compares contents. It is not printed.
type digest [sha256.Size]byte

// origin says where the content of a Secret comes from.
type origin struct {
	object Object
	// source is set on a replica.
	source types.NamespacedName
	digest digest
}

func newOrigin(s *corev1.Secret, content digest) origin {
	o := origin{object: Object{Kind: "secret", Namespace: s.Namespace, Name: s.Name}, digest: content}
	if namespace, name, ok := strings.Cut(s.Annotations[annotations.ReplicaOf], "/"); ok {
		o.source = types.NamespacedName{Namespace: namespace, Name: name}
	}
	return o
}

// isCopy reports whether a Secret is a replica with the content of its source, so that what is wrong with the content
// is told of the source. That a Secret claims to be a replica is not enough.
func (e *Examination) isCopy(o origin) bool {
	source, inReach := e.origins[o.source]
	return inReach && source.digest == o.digest
}

// copies counts the replicas with the content of their source.
func (e *Examination) copies() map[types.NamespacedName]int {
	counts := map[types.NamespacedName]int{}
	for _, o := range e.origins {
		if e.isCopy(o) {
			counts[o.source]++
		}
	}
	return counts
}

// withOrigin adds to findings about a content where else it is, or where it is from.
func withOrigin(findings []Finding, o origin, copies int) []Finding {
	for i, f := range findings {
		switch {
		case copies > 0:
			findings[i] = newFinding(f.Code, f.Object, "%s (as in its %d replicas)", f.Message, copies)
		case o.source.Name != "":
			findings[i] = newFinding(f.Code, f.Object, "%s (a replica of %s)", f.Message, o.source)
		}
	}
	return findings
}
