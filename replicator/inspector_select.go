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
	for _, kind := range i.kinds {
		resource := i.clients.metadata.Resource(schema.GroupVersionResource{
			Version: "v1", Resource: informers.Resource(kind),
		}).Namespace(namespace)
		list := pager.New(func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return resource.List(ctx, o)
		})
		err := list.EachListItem(ctx, metav1.ListOptions{LabelSelector: selector}, func(o runtime.Object) error {
			if m, ok := o.(*metav1.PartialObjectMetadata); ok {
				selected[keyOfObject(kind, m)] = true
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return func(kind annotations.Kind, namespace, name string) bool {
		return selected[informers.Key{Kind: kind, NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}]
	}, nil
}
