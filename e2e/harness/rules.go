package harness

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
)

// RulesConfigMap is the ConfigMap in Namespace that holds the operator's rules.
const RulesConfigMap = "mirrorball"

// OpenRules allow every source everything.
const OpenRules = `apiVersion: config.mirrorball.dev/v1
kind: Rules
rules:
- sources: ["*"]
  targets: ["*"]
  allow: [push, attach, labels]
`

// WriteRules writes the operator's rules.
func (s *System) WriteRules(ctx context.Context, text string) error {
	cm := applycorev1.ConfigMap(RulesConfigMap, Namespace).WithData(map[string]string{"rules.yaml": text})
	if _, err := s.Client.CoreV1().ConfigMaps(Namespace).Apply(ctx, cm, applyOptions); err != nil {
		return fmt.Errorf("write the rules: %w", err)
	}
	return nil
}

// DeleteRules goes back to the built-in rules.
func (s *System) DeleteRules(ctx context.Context) error {
	err := s.Client.CoreV1().ConfigMaps(Namespace).Delete(ctx, RulesConfigMap, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete the rules: %w", err)
	}
	return nil
}
