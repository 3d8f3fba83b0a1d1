package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// stallLimit is how long a step waits while no Secret changes; milliseconds are usual.
const stallLimit = time.Minute

// watcher watches all Secrets, so that delays of a millisecond can be measured.
type watcher struct {
	secrets listers.SecretLister
	changed chan struct{}

	mu sync.Mutex
	// seen is the time of the last change of each Secret, including its deletion.
	seen map[types.NamespacedName]time.Time
}

func newWatcher(ctx context.Context, client kubernetes.Interface) (*watcher, error) {
	factory := informers.NewSharedInformerFactory(client, 0)
	informer := factory.Core().V1().Secrets()
	w := &watcher{secrets: informer.Lister(), changed: make(chan struct{}, 1), seen: map[types.NamespacedName]time.Time{}}
	_, err := informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    w.notify,
		UpdateFunc: func(_, secret any) { w.notify(secret) },
		DeleteFunc: w.notify,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot watch Secrets: %w", err)
	}
	factory.StartWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), informer.Informer().HasSynced) {
		return nil, errors.New("cannot watch Secrets: the cache did not sync")
	}
	return w, nil
}

func (w *watcher) notify(object any) {
	if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = tombstone.Obj
	}
	if secret, ok := object.(*corev1.Secret); ok {
		w.mu.Lock()
		w.seen[types.NamespacedName{Namespace: secret.Namespace, Name: secret.Name}] = time.Now()
		w.mu.Unlock()
	}
	select {
	case w.changed <- struct{}{}:
	default: // a notification is already pending
	}
}

// lastSeen returns the time of the last change of the Secret.
func (w *watcher) lastSeen(secret types.NamespacedName) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[secret]
}

// lag returns the time between the change of the source and that of the replica, without the time of kubectl.
func (w *watcher) lag(source, replica types.NamespacedName) time.Duration {
	return w.lastSeen(replica).Sub(w.lastSeen(source))
}

// await waits until check returns nil, for as long as Secrets change.
func (w *watcher) await(ctx context.Context, check func() error) error {
	stalled := time.NewTimer(stallLimit)
	defer stalled.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-w.changed:
			stalled.Reset(stallLimit)
		case <-stalled.C:
			return fmt.Errorf("%w (no Secret has changed for %s)", err, stallLimit)
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", err, ctx.Err())
		}
	}
}

// replica returns nil if the replica exists with the type and the data of its source.
func (w *watcher) replica(source, replica types.NamespacedName) error {
	original, err := w.secrets.Secrets(source.Namespace).Get(source.Name)
	if err != nil {
		return fmt.Errorf("expected the source %s to exist: %w", source, err)
	}
	copied, err := w.secrets.Secrets(replica.Namespace).Get(replica.Name)
	if err != nil {
		return fmt.Errorf("expected a replica of %s at %s: %w", source, replica, err)
	}
	if copied.Type != original.Type {
		return fmt.Errorf("expected %s to have the type %s, as %s, got %s", replica, original.Type, source, copied.Type)
	}
	if !maps.EqualFunc(copied.Data, original.Data, func(a, b []byte) bool { return string(a) == string(b) }) {
		return fmt.Errorf("expected %s to have the data of %s, got other data", replica, source)
	}
	return nil
}

// absent returns nil if the Secret does not exist.
func (w *watcher) absent(secret types.NamespacedName) error {
	there, err := w.secrets.Secrets(secret.Namespace).Get(secret.Name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("expected no Secret %s, got one of the type %s", secret, there.Type)
}

// get returns the Secret from the cache.
func (w *watcher) get(secret types.NamespacedName) (*corev1.Secret, error) {
	return w.secrets.Secrets(secret.Namespace).Get(secret.Name)
}
