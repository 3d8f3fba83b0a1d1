package informers

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// This file changes a view that List filled, for those who ask what would be so if the cluster were different.

// Put takes in an object as if it had been written. Its resourceVersion must be higher than every one in the cluster.
func (c *Cluster) Put(obj metav1.Object) error {
	switch o := obj.(type) {
	case *corev1.Namespace:
		if c.gates != nil && c.gates[o.Name] == nil {
			return nil // it stays out of reach
		}
		n, err := NewNamespace(o)
		if err == nil {
			c.namespaces.observe(n)
		}
		return err
	case *corev1.ServiceAccount:
		sa, err := newServiceAccount(o)
		if err == nil {
			c.accounts.observe(sa)
		}
		return err
	case *corev1.Secret:
		return c.putObject(annotations.Secret, o, ContentOfSecret(o))
	case *corev1.ConfigMap:
		return c.putObject(annotations.ConfigMap, o, ContentOfConfigMap(o))
	}
	return unexpected(obj)
}

// putObject takes in an object of a kind that is mirrored, into the store that it belongs to.
func (c *Cluster) putObject(kind annotations.Kind, obj metav1.Object, content Content) error {
	o := c.kinds[kind]
	if o == nil {
		return fmt.Errorf("%ss are not looked at", kind)
	}
	if _, isReplica := obj.GetLabels()[annotations.LabelReplica]; isReplica {
		r, err := c.digestKey.Replica(obj, content)
		if err == nil {
			o.replicas.observe(r)
		}
		return err
	}
	candidate, err := newCandidate(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: obj.GetNamespace(), Name: obj.GetName(), UID: obj.GetUID(), ResourceVersion: obj.GetResourceVersion(),
		CreationTimestamp: obj.GetCreationTimestamp(), DeletionTimestamp: obj.GetDeletionTimestamp(),
		Labels: obj.GetLabels(), Annotations: obj.GetAnnotations(),
	}})
	if err == nil {
		o.candidates.observe(candidate)
	}
	return err
}

// PutRules takes in a document of the operator's rules.
func (c *Cluster) PutRules(cm *corev1.ConfigMap) error {
	d, err := NewRulesDocument(cm)
	if err == nil {
		c.rules.observe(d)
	}
	return err
}

// Drop takes out a Secret or ConfigMap as if it had been deleted.
func (c *Cluster) Drop(k Key) {
	o := c.kinds[k.Kind]
	if o == nil {
		return
	}
	if last := o.candidates.get(k.NamespacedName); last != nil {
		o.candidates.observeDeleted(*last.identity())
	}
	if last := o.replicas.get(k.NamespacedName); last != nil {
		o.replicas.observeDeleted(*last.identity())
	}
}
