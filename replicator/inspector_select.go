package replicator

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/pager"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

// Select asks the API server which objects in a namespace, or in all, have labels that match a selector. Every kind is
// tried; of one that cannot be listed nothing is selected, and the errors are joined.
func (i *Inspector) Select(ctx context.Context, namespace string, by labels.Selector) (sets.Set[informers.Key], error) {
	selected := sets.New[informers.Key]()
	areas := i.areas()
	if namespace != "" {
		areas = []string{namespace}
	}
	var errs []error
	for _, kind := range i.kinds {
		for _, area := range areas {
			errs = append(errs, i.eachSelected(ctx, kind, area, by.String(), func(key informers.Key) { selected.Insert(key) }))
		}
	}
	return selected, errors.Join(errs...)
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
