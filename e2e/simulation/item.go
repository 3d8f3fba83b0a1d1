package simulation

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// place is the kind, namespace and name of a Secret or ConfigMap.
type place struct {
	kind annotations.Kind
	types.NamespacedName
}

func (p place) String() string { return string(p.kind) + " " + p.NamespacedName.String() }

func at(kind annotations.Kind, namespace, name string) place {
	return place{kind, types.NamespacedName{Namespace: namespace, Name: name}}
}

// item is a Secret or a ConfigMap.
type item struct {
	metav1.ObjectMeta
	kind      annotations.Kind
	kindType  string
	data      map[string]string
	immutable bool
}

func (i *item) place() place { return at(i.kind, i.Namespace, i.Name) }

// itemOf returns nil for other objects, and for nil.
func itemOf(o any) *item {
	switch o := o.(type) {
	case *corev1.Secret:
		i := &item{ObjectMeta: o.ObjectMeta, kind: annotations.Secret, kindType: string(o.Type), data: map[string]string{}}
		for k, v := range o.Data {
			i.data[k] = string(v)
		}
		i.immutable = o.Immutable != nil && *o.Immutable
		return i
	case *corev1.ConfigMap:
		i := &item{ObjectMeta: o.ObjectMeta, kind: annotations.ConfigMap, data: maps.Clone(o.Data)}
		if i.data == nil {
			i.data = map[string]string{}
		}
		for k, v := range o.BinaryData {
			i.data[k] = string(v)
		}
		i.immutable = o.Immutable != nil && *o.Immutable
		return i
	}
	return nil
}

// object returns the item as an API object.
func (i *item) object() runtime.Object {
	var immutable *bool
	if i.immutable {
		immutable = &i.immutable
	}
	if i.kind == annotations.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: *i.DeepCopy(), Data: maps.Clone(i.data), Immutable: immutable}
	}
	s := &corev1.Secret{
		ObjectMeta: *i.DeepCopy(), Type: corev1.SecretType(i.kindType), Data: map[string][]byte{},
		Immutable: immutable,
	}
	for k, v := range i.data {
		s.Data[k] = []byte(v)
	}
	return s
}

func (i *item) clone() *item {
	c := *i
	c.ObjectMeta = *i.DeepCopy()
	c.data = maps.Clone(i.data)
	return &c
}

// claims returns the item's parsed annotations.
func (i *item) claims() annotations.Claims {
	return annotations.Parse(i.Namespace, i.Name, i.Annotations)
}

// mode returns the value that the replica label has, or had before it was taken off or changed.
func (i *item) mode() string {
	label := i.Labels[annotations.LabelReplica]
	managed := i.Labels[annotations.LabelManagedBy] == annotations.ManagedBy
	switch {
	case label == annotations.ReplicaPush, label == annotations.ReplicaPull && !managed,
		i.Annotations[annotations.ReplicaOf] == "", i.claims().PullFrom != nil:
		return label
	case i.labelled(), i.isStripped() && managed:
		return annotations.ReplicaPush
	}
	return label
}

// isStripped reports whether it is a replica but for the label: it names its source, and says nothing else.
func (i *item) isStripped() bool {
	if i.labelled() || i.Annotations[annotations.ReplicaOf] == "" {
		return false
	}
	claims := i.claims()
	return !claims.SaysMore()
}

// isPushed reports whether it is, or may be taken for, a pushed replica.
func (i *item) isPushed() bool { return i.mode() == annotations.ReplicaPush || i.isStripped() }

func (i *item) labelled() bool {
	_, ok := i.Labels[annotations.LabelReplica]
	return ok
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
