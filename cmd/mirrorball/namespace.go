package main

import (
	"os"
	"strings"
)

const (
	// fallbackNamespace is the namespace that the manifests in deploy/ use.
	fallbackNamespace = "mirrorball-system"
	// podNamespaceFile is the file in which Kubernetes gives a Pod its namespace.
	podNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
)

// ownNamespace returns the default of --namespace: where Mirrorball keeps its Lease and saved policies.
func ownNamespace(around surroundings) string {
	if namespace := around.environment("POD_NAMESPACE"); namespace != "" {
		return namespace
	}
	if text, err := os.ReadFile(around.namespaceFile); err == nil {
		if namespace := strings.TrimSpace(string(text)); namespace != "" {
			return namespace
		}
	}
	return fallbackNamespace
}
