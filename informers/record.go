package informers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// LabelRecord marks the ConfigMaps in Mirrorball's own namespace in which it remembers policies.
const LabelRecord = annotations.Prefix + "record"

// recordPolicy is LabelRecord's only value so far.
const recordPolicy = "policy"

// Record is what has to outlive both a source and the process: the policy of a source that survives its recreation, or
// that says its replicas are to be kept. It is read from Mirrorball's own namespace and nowhere else: whoever can write
// in a target namespace could widen a policy that was read back from there.
type Record struct {
	Identity
	// Source is the source that is remembered, SourceUID the object that carried the annotations.
	Source    Key
	SourceUID types.UID
	// Since is when the source first became one; zero in records of older versions.
	Since time.Time
	// Type is the Secret's type; empty for a ConfigMap.
	Type string
	// Annotations are those that make the policy.
	Annotations map[string]string
	// Policy is what they say; nil if they say nothing (any more).
	Policy *annotations.Policy
}

// Same says whether both remember the same of the same source.
func (r *Record) Same(o *Record) bool {
	return r.Source == o.Source && r.SourceUID == o.SourceUID && r.Type == o.Type &&
		r.Since.Equal(o.Since) &&
		maps.Equal(r.Annotations, o.Annotations)
}

// RecordName is the name of the ConfigMap in which the policy of a source is kept.
func RecordName(source Key) string {
	sum := sha256.Sum256([]byte(source.String()))
	return "policy-" + hex.EncodeToString(sum[:10])
}

// ConfigMap is the object in which the record is kept in the given namespace.
func (r *Record) ConfigMap(namespace string) *corev1.ConfigMap {
	policy, _ := json.Marshal(r.Annotations) // a map of strings always encodes
	since := ""
	if !r.Since.IsZero() {
		since = r.Since.UTC().Format(time.RFC3339)
	}
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: RecordName(r.Source),
			Labels: map[string]string{LabelRecord: recordPolicy, annotations.LabelManagedBy: annotations.ManagedBy},
		},
		Data: map[string]string{
			"kind": string(r.Source.Kind), "namespace": r.Source.Namespace, "name": r.Source.Name,
			"uid": string(r.SourceUID), "type": r.Type, "annotations": string(policy),
			"since": since,
		},
	}
}

// ParseRecord reads a record from the ConfigMap in which it is kept.
func ParseRecord(cm *corev1.ConfigMap) (*Record, error) { return newRecord(cm) }

func newRecord(obj any) (*Record, error) {
	cm, ok := obj.(*corev1.ConfigMap)
	if !ok {
		return nil, unexpected(obj)
	}
	id, err := IdentityOf(cm)
	if err != nil {
		return nil, err
	}
	r := &Record{
		Identity: id,
		Source: Key{
			Kind:           annotations.Kind(cm.Data["kind"]),
			NamespacedName: types.NamespacedName{Namespace: cm.Data["namespace"], Name: cm.Data["name"]},
		},
		SourceUID: types.UID(cm.Data["uid"]), Type: cm.Data["type"],
	}
	if err := json.Unmarshal([]byte(cm.Data["annotations"]), &r.Annotations); err != nil {
		return nil, fmt.Errorf("record %s: annotations: %w", id.NamespacedName, err)
	}
	r.Since, _ = time.Parse(time.RFC3339, cm.Data["since"]) // without one, the object's age decides
	r.Policy = annotations.Parse(r.Source.Namespace, r.Source.Name, r.Annotations).Policy
	return r, nil
}
