package replicator

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/pager"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// Copy is an object that nobody manages and that has the data of a source.
type Copy struct{ Object, Source informers.Key }

// Copies looks for objects that have the same data as an active source, and are neither replicas nor sources. It reads
// every Secret and ConfigMap, which a Controller never does; only a digest of each is kept, and only while it is
// compared.
func (i *Inspector) Copies(ctx context.Context) ([]Copy, error) {
	sources, err := i.dataOfSources(ctx)
	if err != nil {
		return nil, err
	}
	var found []Copy
	compare := func(key informers.Key, c informers.Content) {
		source, same := sources[i.digestOfData(c)]
		p := i.passes[key]
		isSource := p != nil && p.resolution.Phase == plan.PhaseActive
		if same && source.Kind == key.Kind && !isSource && len(c.Data)+len(c.Binary) > 0 {
			found = append(found, Copy{Object: key, Source: source})
		}
	}
	for _, kind := range i.kinds {
		for _, namespace := range i.areas() {
			if err := i.eachContent(ctx, kind, namespace, compare); err != nil {
				return nil, fmt.Errorf("list %s: %w", informers.Resource(kind), err)
			}
		}
	}
	slices.SortFunc(found, func(a, b Copy) int { return compareKeys(a.Object, b.Object) })
	return found, nil
}

// digestOfData is the digest of the data alone.
func (i *Inspector) digestOfData(c informers.Content) informers.Digest {
	return i.digestKey.Digest(informers.Content{Data: c.Data, Binary: c.Binary})
}

func (i *Inspector) dataOfSources(ctx context.Context) (map[informers.Digest]informers.Key, error) {
	sources := map[informers.Digest]informers.Key{}
	for key, p := range i.passes {
		if p.resolution.Phase != plan.PhaseActive {
			continue
		}
		_, c, err := i.reader.source(ctx, key)
		if err != nil {
			return nil, fmt.Errorf("cannot read %s: %s", key, reason(err))
		}
		// Of sources with the same data, the first by name.
		digest := i.digestOfData(c)
		if other, ok := sources[digest]; !ok || compareKeys(key, other) < 0 {
			sources[digest] = key
		}
	}
	return sources, nil
}

// eachContent calls a function with each object of a kind in a namespace, or in all, that is not labelled as a replica.
func (i *Inspector) eachContent(
	ctx context.Context, kind annotations.Kind, namespace string, each func(informers.Key, informers.Content),
) error {
	core := i.clients.typed.CoreV1()
	list := pager.New(func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		if kind == annotations.ConfigMap {
			return core.ConfigMaps(namespace).List(ctx, o)
		}
		return core.Secrets(namespace).List(ctx, o)
	})
	list.PageBufferSize = 1
	options := metav1.ListOptions{LabelSelector: "!" + annotations.LabelReplica}
	return list.EachListItem(ctx, options, func(o runtime.Object) error {
		switch o := o.(type) {
		case *corev1.Secret:
			each(keyOfObject(kind, o), informers.ContentOfSecret(o))
		case *corev1.ConfigMap:
			each(keyOfObject(kind, o), informers.ContentOfConfigMap(o))
		}
		return nil
	})
}
