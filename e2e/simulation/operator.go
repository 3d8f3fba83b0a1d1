package simulation

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// openRules allow every source everything, so that the histories attach and carry over labels.
const openRules = `{"apiVersion": "config.mirrorball.dev/v1", "kind": "Rules", "rules": [
  {"sources": ["*"], "targets": ["*"], "allow": ["push", "attach", "labels"]}
]}`

// writeRules creates the ConfigMap of the operator's rules.
func (t *workload) writeRules(ctx context.Context) error {
	cm := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: ownNamespace, Name: "mirrorball"},
		Data:       map[string]string{"rules.yaml": openRules},
	}
	_, err := t.client.ConfigMaps(ownNamespace).Create(ctx, cm, metav1.CreateOptions{})
	return err
}
