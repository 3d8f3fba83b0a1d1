package main

import (
	"context"
	"os"
	"strings"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
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

// checkOwnNamespace looks for Mirrorball's own namespace. Without it, nothing can be saved there: neither the Lease of
// leader election, which is an error, nor the policies of sources, which is logged.
func checkOwnNamespace(ctx context.Context, logger logr.Logger, config *rest.Config, s settings) error {
	client, err := newClient(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	_, err = client.CoreV1().Namespaces().Get(ctx, s.namespace, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return nil // whatever else is wrong shows where the namespace is used
	}
	if s.leaderElect && s.leaderElectNamespace == s.namespace {
		return unable("the namespace %s does not exist, so there is no place for the Lease; "+
			"create it ('kubectl create namespace %s'), or set --namespace or --leader-elect=false", s.namespace, s.namespace)
	}
	logger.Error(nil, "the namespace of --namespace does not exist: policies cannot be saved, so a source that is "+
		"deleted and created without annotations does not get them back (survives-recreation), on-delete: keep is "+
		"forgotten with the process, and there are no rules; create the namespace, or set --namespace",
		"namespace", s.namespace)
	return nil
}
