package informers

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// ReplaceRules fills the store of the operator's rules; nil is none.
func (c *Cluster) ReplaceRules(cm *corev1.ConfigMap, version string) error {
	var items []any
	if cm != nil {
		items = []any{cm}
	}
	return c.rules.Replace(items, version)
}

// Replace fills the stores as lists of these objects would.
func (c *Cluster) Replace(
	namespaces []*corev1.Namespace, secrets []*corev1.Secret, accounts []*corev1.ServiceAccount, version string,
) error {
	var ns, candidates, replicas, sas []any
	for _, n := range namespaces {
		ns = append(ns, &metav1.PartialObjectMetadata{ObjectMeta: n.ObjectMeta})
	}
	for _, s := range secrets {
		if _, ok := s.Labels[annotations.LabelReplica]; ok {
			replicas = append(replicas, s)
		} else {
			candidates = append(candidates, &metav1.PartialObjectMetadata{ObjectMeta: s.ObjectMeta})
		}
	}
	for _, sa := range accounts {
		sas = append(sas, sa)
	}
	o := c.kinds[annotations.Secret]
	for _, list := range []struct {
		store interface{ Replace([]any, string) error }
		items []any
	}{{c.namespaces, ns}, {o.candidates, candidates}, {o.replicas, replicas}, {c.accounts, sas}} {
		if err := list.store.Replace(list.items, version); err != nil {
			return err
		}
	}
	return nil
}
