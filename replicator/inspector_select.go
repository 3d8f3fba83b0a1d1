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

	"github.com/mirrorball-dev/mirrorball/informers"
)

// Select asks the API server which objects in a namespace, or in all, have labels that match a selector. Every kind is
// tried; of one that cannot be listed nothing is selected, and the errors are joined.
func (i *Inspector) Select(ctx context.Context, namespace string, by labels.Selector) (sets.Set[informers.Key], error) {
	selected, options := sets.New[informers.Key](), metav1.ListOptions{LabelSelector: by.String()}
	var errs []error
	for _, kind := range i.kinds {
		resource := i.clients.metadata.Resource(schema.GroupVersionResource{
			Version: "v1", Resource: informers.Resource(kind),
		}).Namespace(namespace)
		list := pager.New(func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return resource.List(ctx, o)
		})
		errs = append(errs, list.EachListItem(ctx, options, func(o runtime.Object) error {
			if m, ok := o.(*metav1.PartialObjectMetadata); ok {
				selected.Insert(keyOfObject(kind, m))
			}
			return nil
		}))
	}
	return selected, errors.Join(errs...)
}
