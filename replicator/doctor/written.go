package doctor

import (
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// writtenAt returns when the data of an object was last written: the latest time of a field manager that owns data, or
// without any the time of creation.
func writtenAt(m metav1.ObjectMeta) time.Time {
	var latest time.Time
	for _, manager := range m.ManagedFields {
		if manager.Time == nil || manager.FieldsV1 == nil || !manager.Time.After(latest) {
			continue
		}
		var fields map[string]json.RawMessage
		if json.Unmarshal(manager.FieldsV1.GetRawBytes(), &fields) != nil {
			continue
		}
		if _, owns := fields["f:data"]; owns {
			latest = manager.Time.Time
		}
	}
	if latest.IsZero() {
		return m.CreationTimestamp.Time
	}
	return latest
}
