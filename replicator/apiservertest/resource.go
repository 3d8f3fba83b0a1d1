package apiservertest

import (
	"errors"
	"fmt"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Object is an object of one of the resources.
type Object interface {
	runtime.Object
	metav1.Object
}

// resource is what is particular to one resource.
type resource struct {
	schema.GroupVersionResource
	kind       string
	namespaced bool
	// returnsDeleted says that a deletion is answered with the object instead of a Status.
	returnsDeleted bool
	// prepare is done to an object before it is validated; old is nil on creation.
	prepare func(obj, old Object)
	// validate finds what is wrong with an object beyond its metadata; old is nil on creation.
	validate func(obj, old Object) field.ErrorList
	// fields are what field selectors can ask for besides name and namespace; of no object, the keys alone.
	fields func(obj Object) fields.Set
}

func (r *resource) gvk() schema.GroupVersionKind { return r.GroupVersion().WithKind(r.kind) }

var (
	codecScheme = newScheme()
	codecs      = serializer.NewCodecFactory(codecScheme)
)

func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	err := errors.Join(corev1.AddToScheme(s), coordinationv1.AddToScheme(s), eventsv1.AddToScheme(s),
		metav1.AddMetaToScheme(s))
	if err != nil {
		panic(fmt.Sprintf("scheme: %v", err)) // the types of one release of the API go together
	}
	return s
}

// resources by group, version and name, as a path has them.
func resources() map[schema.GroupVersionResource]*resource {
	core := schema.GroupVersion{Version: "v1"}
	all := []*resource{
		{
			GroupVersionResource: core.WithResource("secrets"), kind: "Secret", namespaced: true,
			prepare: prepareSecret, validate: validateSecret,
			fields: func(o Object) fields.Set {
				set := fields.Set{"type": ""}
				if s, ok := o.(*corev1.Secret); ok {
					set["type"] = string(s.Type)
				}
				return set
			},
		},
		{
			GroupVersionResource: core.WithResource("configmaps"), kind: "ConfigMap", namespaced: true,
			validate: validateConfigMap,
		},
		{
			GroupVersionResource: core.WithResource("serviceaccounts"), kind: "ServiceAccount", namespaced: true,
			returnsDeleted: true,
		},
		{
			GroupVersionResource: core.WithResource("namespaces"), kind: "Namespace",
			returnsDeleted: true, prepare: prepareNamespace,
		},
		{
			GroupVersionResource: coordinationv1.SchemeGroupVersion.WithResource("leases"), kind: "Lease", namespaced: true,
		},
		{
			GroupVersionResource: eventsv1.SchemeGroupVersion.WithResource("events"), kind: "Event", namespaced: true,
		},
	}
	byName := make(map[schema.GroupVersionResource]*resource, len(all))
	for _, r := range all {
		byName[r.GroupVersionResource] = r
	}
	return byName
}
