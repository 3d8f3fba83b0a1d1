package main

import (
	"os"
	"strings"
)

const (
	// fallbackNamespace is the namespace that deploy/ installs into.
	fallbackNamespace = "mirrorball-system"
	// podNamespaceFile is where Kubernetes tells a Pod its namespace.
	podNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
)

// ownNamespace is the namespace that Mirrorball keeps its Lease and its memory in, where no flag says.
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
