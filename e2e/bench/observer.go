package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// sighting is an object in a target namespace that the observer has seen written.
type sighting struct {
	namespace, name string
	annotations     map[string]string
	created         bool
	at              time.Time
}

// observe watches a resource from now on, with a watch of its own that brings metadata only, and hands every object
// that is written in a target namespace to seen, until that returns true.
func (b *bench) observe(
	ctx context.Context, resource schema.GroupVersionResource, selector metav1.ListOptions, load func() error,
	seen func(sighting) bool,
) error {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	list, err := b.watch.Resource(resource).List(ctx, metav1.ListOptions{
		LabelSelector: selector.LabelSelector, FieldSelector: selector.FieldSelector, Limit: 1,
	})
	if err != nil {
		return fmt.Errorf("observe: %w", err)
	}
	failed := make(chan error, 1)
	go func() {
		if err := load(); err != nil {
			failed <- err
		}
	}()
	// The API server closes a watch that it is too busy to serve. The next one goes on where that was, and at once:
	// client-go's RetryWatcher opens at most one a second.
	version := list.ResourceVersion
	for ctx.Err() == nil {
		w, err := b.watch.Resource(resource).Watch(ctx, metav1.ListOptions{
			LabelSelector: selector.LabelSelector, FieldSelector: selector.FieldSelector,
			ResourceVersion: version, AllowWatchBookmarks: true,
		})
		if err != nil {
			return fmt.Errorf("the observer's watch: %w", err)
		}
		done, err := follow(w, failed, &version, seen)
		if done || err != nil {
			return err
		}
	}
	return fmt.Errorf("the observer's watch ended before all was seen: %w", ctx.Err())
}

// follow hands over what a watch brings until seen returns true, or the watch is closed, or the load has failed. It
// keeps the version from which another watch goes on.
func follow(w watch.Interface, failed <-chan error, version *string, seen func(sighting) bool) (done bool, err error) {
	defer w.Stop()
	for {
		select {
		case err := <-failed:
			return false, err
		case event, open := <-w.ResultChan():
			if !open {
				return false, nil
			}
			o, ok := event.Object.(metav1.Object)
			if !ok || event.Type == watch.Error {
				return false, watchError(event.Object)
			}
			*version = o.GetResourceVersion()
			written := event.Type == watch.Added || event.Type == watch.Modified
			if written && isTarget(o.GetNamespace()) && seen(sighting{
				o.GetNamespace(), o.GetName(), o.GetAnnotations(), event.Type == watch.Added, time.Now(),
			}) {
				return true, nil
			}
		}
	}
}

// watchError is the error that a watch has brought, or nil if another watch can go on.
func watchError(object runtime.Object) error {
	if err := apierrors.FromObject(object); apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return fmt.Errorf("the observer's watch: %w", err)
	}
	return nil
}

func isTarget(namespace string) bool {
	return strings.HasPrefix(namespace, targets) || strings.HasPrefix(namespace, bareTargets)
}

// untilWritten says how long it takes from the beginning of load until the observer has seen n different objects
// written whose names are among these.
func (b *bench) untilWritten(ctx context.Context, n int, load func() error, names ...string) (time.Duration, error) {
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	selector := metav1.ListOptions{}
	if len(names) == 1 {
		selector.FieldSelector = "metadata.name=" + names[0]
	}
	var begin, end time.Time
	there := map[[2]string]bool{}
	err := b.observe(ctx, secrets, selector, func() error {
		begin = time.Now()
		return load()
	}, func(s sighting) bool {
		if wanted[s.name] {
			there[[2]string{s.namespace, s.name}] = true
			end = s.at
		}
		return len(there) >= n
	})
	if err != nil {
		return 0, fmt.Errorf("%d of %d were seen: %w", len(there), n, err)
	}
	return end.Sub(begin), nil
}
