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
	// Problem is a clause that says why nothing can be read from it; the fields after Identity are empty then.
	Problem string
}

// MaxRecordBytes is how long the annotations of a record may be, as JSON. What is recorded is held in memory, and who
// writes a source decides on how much that is.
const MaxRecordBytes = 8 << 10

// Same says whether both remember the same of the same source.
func (r *Record) Same(o *Record) bool {
	return r.Source == o.Source && r.SourceUID == o.SourceUID && r.Type == o.Type &&
		r.Since.Equal(o.Since) &&
		maps.Equal(r.Annotations, o.Annotations)
}

// RecordName is the name of the ConfigMap in which the policy of a source is kept.
func RecordName(source Key) string { return "policy-" + shortHash(source.String()) }

// shortHash tells sources apart in names of fixed length.
func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:10])
}

// ConfigMap is the object in which the record is kept in the given namespace.
func (r *Record) ConfigMap(namespace string) *corev1.ConfigMap {
	began := ""
	if !r.Since.IsZero() {
		began = r.Since.UTC().Format(time.RFC3339)
	}
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: RecordName(r.Source),
			Labels: map[string]string{LabelRecord: recordPolicy, annotations.LabelManagedBy: annotations.ManagedBy},
		},
		Data: map[string]string{
			"kind": string(r.Source.Kind), "namespace": r.Source.Namespace, "name": r.Source.Name,
			"uid": string(r.SourceUID), "type": r.Type, "annotations": encode(r.Annotations), "since": began,
		},
	}
}

// IsTooLarge reports whether there is more to record than MaxRecordBytes.
func (r *Record) IsTooLarge() bool { return len(encode(r.Annotations)) > MaxRecordBytes }

func encode(policy map[string]string) string {
	out, _ := json.Marshal(policy) // a map of strings always encodes
	return string(out)
}

// ParseRecord reads a record from the ConfigMap in which it is kept. One that can't be read is no error, since it must
// not keep the others from being read: it has a Problem.
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
	if problem := r.read(cm.Data["annotations"]); problem != "" {
		return &Record{Identity: id, Problem: problem}, nil
	}
	r.Since, _ = time.Parse(time.RFC3339, cm.Data["since"]) // without one, the object's age decides
	r.Policy = annotations.Parse(r.Source.Namespace, r.Source.Name, r.Annotations).Policy
	return r, nil
}

// read reads the annotations, and returns a clause that says why the record can't be one, or "".
func (r *Record) read(policy string) (problem string) {
	switch {
	case r.Source.Kind != annotations.Secret && r.Source.Kind != annotations.ConfigMap:
		return "its kind is neither Secret nor ConfigMap"
	case !annotations.CouldName(r.Source.NamespacedName):
		return "its namespace and name are not those of an object"
	case r.Name != RecordName(r.Source):
		return "it is not called " + RecordName(r.Source) + ", as the record of its source is"
	case len(policy) > MaxRecordBytes:
		return fmt.Sprintf("its annotations have %d bytes, the limit is %d", len(policy), MaxRecordBytes)
	}
	if err := json.Unmarshal([]byte(policy), &r.Annotations); err != nil {
		return "its annotations are not a JSON object of strings"
	}
	return ""
}

// CountRecords returns how many sources in a namespace are remembered.
func (c *Cluster) CountRecords(namespace string) (n int) {
	for _, r := range c.records.all() {
		if r.Problem == "" && r.Source.Namespace == namespace {
			n++
		}
	}
	return n
}

// record returns what is remembered of a source, or nil.
func (c *Cluster) record(source Key) *Record {
	for _, r := range c.records.find(bySource, source.String()) {
		return r
	}
	return nil
}

// ObserveRecord is Observe for a record.
func (c *Cluster) ObserveRecord(r *Record) { c.records.observe(r) }
