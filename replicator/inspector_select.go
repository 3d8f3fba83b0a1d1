package replicator

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/pager"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

// Select asks the API server which objects in a namespace, or in all, have labels that match a selector.
func (i *Inspector) Select(
	ctx context.Context, namespace, selector string,
) (func(kind annotations.Kind, namespace, name string) bool, error) {
	selected := map[informers.Key]bool{}
	areas := i.areas()
	if namespace != "" {
		areas = []string{namespace}
	}
	for _, kind := range i.kinds {
		for _, area := range areas {
			err := i.eachSelected(ctx, kind, area, selector, func(key informers.Key) { selected[key] = true })
			if err != nil {
				return nil, err
			}
		}
	}
	return func(kind annotations.Kind, namespace, name string) bool {
		return selected[informers.Key{Kind: kind, NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}]
	}, nil
}

// eachSelected calls a function with each object of a kind in a namespace, or in all, that a selector matches.
func (i *Inspector) eachSelected(
	ctx context.Context, kind annotations.Kind, namespace, selector string, each func(informers.Key),
) error {
	resource := i.clients.metadata.Resource(schema.GroupVersionResource{
		Version: "v1", Resource: informers.Resource(kind),
	}).Namespace(namespace)
	list := pager.New(func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return resource.List(ctx, o)
	})
	return list.EachListItem(ctx, metav1.ListOptions{LabelSelector: selector}, func(o runtime.Object) error {
		if m, ok := o.(*metav1.PartialObjectMetadata); ok {
			each(keyOfObject(kind, m))
		}
		return nil
	})
}
