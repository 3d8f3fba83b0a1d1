package informers

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

func testRecord() *corev1.ConfigMap {
	r := Record{
		Source:      Key{annotations.Secret, types.NamespacedName{Namespace: "from", Name: "s"}},
		Annotations: map[string]string{annotations.PushTo: "*", annotations.OnDelete: "keep"},
	}
	cm := r.ConfigMap("mirrorball-system")
	cm.UID, cm.ResourceVersion = "u", "7"
	return cm
}

// TestUnreadableRecord has a record that can't be read beside one that can.
func TestUnreadableRecord(t *testing.T) {
	for name, spoil := range map[string]func(*corev1.ConfigMap){
		"its JSON is broken":     func(cm *corev1.ConfigMap) { cm.Data["annotations"] = "{" },
		"its JSON is of numbers": func(cm *corev1.ConfigMap) { cm.Data["annotations"] = `{"a": 1}` },
		"its kind is unknown":    func(cm *corev1.ConfigMap) { cm.Data["kind"] = "Pod" },
		"its source has no name": func(cm *corev1.ConfigMap) { cm.Data["name"] = "" },
		"it has no data":         func(cm *corev1.ConfigMap) { cm.Data = nil },
		"it is another's":        func(cm *corev1.ConfigMap) { cm.Data["namespace"] = "elsewhere" },
		"it has more than is held": func(cm *corev1.ConfigMap) {
			cm.Data["annotations"] = strings.Repeat(" ", MaxRecordBytes) + "{}"
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewTestCluster(nil)
			var reported []string
			c.unreadable = func(r *Record) { reported = append(reported, r.Name+": "+r.Problem) }
			bad, good := testRecord(), testRecord()
			spoil(bad)
			bad.Name = "policy-bad"
			if name == "its JSON is broken" {
				bad.Name = good.Name
				good.Data["name"] = "other"
				good.Name = RecordName(Key{annotations.Secret, types.NamespacedName{Namespace: "from", Name: "other"}})
			}
			if err := c.records.Replace([]any{bad, good}, "8"); err != nil {
				t.Fatalf("the store does not sync: %v", err)
			}
			if !c.records.hasSynced() || c.CountRecords("from") != 1 {
				t.Errorf("synced: %t, remembered: %d, want 1", c.records.hasSynced(), c.CountRecords("from"))
			}
			if len(reported) != 1 || !strings.HasPrefix(reported[0], bad.Name+": it") {
				t.Errorf("told %q, want one about %s", reported, bad.Name)
			}
			second := bad.DeepCopy()
			second.ResourceVersion = "9"
			if err := c.records.Update(second); err != nil || len(reported) != 1 {
				t.Errorf("told %q again: %v", reported, err)
			}
			if err := c.records.Delete(second); err != nil || c.CountRecords("from") != 1 {
				t.Errorf("remembered: %d: %v", c.CountRecords("from"), err)
			}
		})
	}
}
