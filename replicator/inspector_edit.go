package replicator

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

// edited reads objects as they were edited, and the others from the API server.
type edited struct {
	reader
	objects map[informers.Key]metav1.Object
	// version is that of the last edit, higher than any in the cluster.
	version informers.Version
}

func newEdited(from reader) *edited {
	return &edited{reader: from, objects: map[informers.Key]metav1.Object{}, version: 1 << 62}
}

// next returns a version that no object has.
func (e *edited) next() informers.Version {
	e.version++
	return e.version
}

func (e *edited) source(ctx context.Context, key informers.Key) (metav1.Object, informers.Content, error) {
	switch o := e.objects[key].(type) {
	case *corev1.Secret:
		return o, informers.ContentOfSecret(o), nil
	case *corev1.ConfigMap:
		return o, informers.ContentOfConfigMap(o), nil
	}
	return e.reader.source(ctx, key)
}

func (e *edited) metadata(ctx context.Context, key informers.Key) (*metav1.PartialObjectMetadata, error) {
	if o := e.objects[key]; o != nil {
		return meta.AsPartialObjectMetadata(o), nil
	}
	return e.reader.metadata(ctx, key)
}

// Edit takes in a Secret, ConfigMap, Namespace or ServiceAccount as if it had been written. The object is kept and
// changed: it gets a resourceVersion, and where it is new, a UID and the defaults of the API server.
func (i *Inspector) Edit(obj metav1.Object) error {
	version := i.edited.next().String()
	obj.SetResourceVersion(version)
	if obj.GetUID() == "" {
		obj.SetUID(types.UID("edited-" + version))
		obj.SetCreationTimestamp(metav1.Now())
	}
	switch o := obj.(type) {
	case *corev1.Secret:
		if o.Type == "" {
			o.Type = corev1.SecretTypeOpaque
		}
		i.edited.objects[keyOfObject(annotations.Secret, o)] = o
	case *corev1.ConfigMap:
		if o.Namespace == i.rulebook.name.Namespace && o.Name == i.rulebook.name.Name {
			if err := i.cluster.PutRules(o); err != nil {
				return err
			}
			if !i.rulebook.readable() {
				return &UnreadableRulesError{i.rulebook.unreadable}
			}
		}
		i.edited.objects[keyOfObject(annotations.ConfigMap, o)] = o
	}
	return i.cluster.Put(obj)
}

func keyOfObject(kind annotations.Kind, o metav1.Object) informers.Key {
	return informers.Key{Kind: kind, NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}}
}

// clone returns a copy of an object that may be edited.
func clone(o metav1.Object) (metav1.Object, error) {
	if r, ok := o.(runtime.Object); ok {
		if copied, ok := r.DeepCopyObject().(metav1.Object); ok {
			return copied, nil
		}
	}
	return nil, fmt.Errorf("cannot copy an object of type %T", o)
}
