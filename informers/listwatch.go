package informers

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
)

// lister is the part of a typed client that an informer needs.
type lister[L runtime.Object] interface {
	List(ctx context.Context, opts metav1.ListOptions) (L, error)
	Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error)
}

func listerWatcher[L runtime.Object](client lister[L], labels string) cache.ListerWatcher {
	return listWatch(client, selectors{labels: labels})
}

// selectors say which objects an informer is about.
type selectors struct{ labels, fields string }

func listWatch[L runtime.Object](client lister[L], s selectors) cache.ListerWatcher {
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
			opts.LabelSelector, opts.FieldSelector = s.labels, s.fields
			return client.List(ctx, opts)
		},
		WatchFuncWithContext: func(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
			opts.LabelSelector, opts.FieldSelector = s.labels, s.fields
			return client.Watch(ctx, opts)
		},
	}
}

func metadataListerWatcher(client metadata.Interface, resource, namespace, selector string) cache.ListerWatcher {
	return listerWatcher[*metav1.PartialObjectMetadataList](
		client.Resource(schema.GroupVersionResource{Version: "v1", Resource: resource}).Namespace(namespace), selector)
}
