package informers

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/klog/v2"
)

// pollInterval is the time between two reads of a namespace.
const pollInterval = 5 * time.Second

// namespacePoller is a ListerWatcher of some namespaces. It reads each of them, again and again: a Role can grant get
// on the namespace that it is in, and neither list nor watch. One that does not exist and one that may not be read are
// the same: not there. The API server does not tell them apart, because the Role goes with its namespace.
type namespacePoller struct {
	names []string
	get   func(ctx context.Context, name string) (*metav1.PartialObjectMetadata, error)
	// found is called with each namespace that was read, and reports whether all that is in it is known. One that is found
	// while the process runs is shown when that is so.
	found func(name string) (known bool)
	// acting reports whether anybody acts on what is shown. Before, all that is in the namespaces is waited for.
	acting func() bool
}

// readNamespaces are those that there are, by name.
type readNamespaces map[string]*metav1.PartialObjectMetadata

// List implements cache.Lister.
func (p *namespacePoller) List(options metav1.ListOptions) (runtime.Object, error) {
	return p.ListWithContext(context.Background(), options)
}

// Watch implements cache.Watcher.
func (p *namespacePoller) Watch(options metav1.ListOptions) (watch.Interface, error) {
	return p.WatchWithContext(context.Background(), options)
}

// ListWithContext implements cache.ListerWithContext.
func (p *namespacePoller) ListWithContext(ctx context.Context, _ metav1.ListOptions) (runtime.Object, error) {
	all, err := p.readAll(ctx)
	if err != nil {
		return nil, err
	}
	list := &metav1.PartialObjectMetadataList{ListMeta: metav1.ListMeta{ResourceVersion: all.version().String()}}
	for _, m := range all {
		list.Items = append(list.Items, *m)
	}
	return list, nil
}

// WatchWithContext implements cache.WatcherWithContext. Every watch begins with all namespaces.
func (p *namespacePoller) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	if options.SendInitialEvents == nil || !*options.SendInitialEvents {
		return nil, apierrors.NewResourceExpired("namespaces are polled, and have no history")
	}
	all, err := p.readAll(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &namespaceWatch{namespacePoller: p, events: make(chan watch.Event), cancel: cancel}
	go w.run(ctx, all)
	return w, nil
}

// readAll returns the namespaces that are to be shown.
func (p *namespacePoller) readAll(ctx context.Context) (readNamespaces, error) {
	all := readNamespaces{}
	for _, name := range p.names {
		m, err := p.read(ctx, name)
		if err != nil {
			return nil, err
		}
		if m != nil && (p.found(name) || !p.acting()) {
			all[name] = m
		}
	}
	return all, nil
}

// read returns nil for a namespace that is not there.
func (p *namespacePoller) read(ctx context.Context, name string) (*metav1.PartialObjectMetadata, error) {
	m, err := p.get(ctx, name)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("get the namespace %s: %w", name, err)
	}
	return m, nil
}

// version is the highest of the resourceVersions.
func (all readNamespaces) version() Version {
	newest := Version(1)
	for _, m := range all {
		if v, err := ParseVersion(m.ResourceVersion); err == nil {
			newest = max(newest, v)
		}
	}
	return newest
}

// namespaceWatch is a watch of a namespacePoller.
type namespaceWatch struct {
	*namespacePoller
	events chan watch.Event
	cancel context.CancelFunc
}

// Stop implements watch.Interface.
func (w *namespaceWatch) Stop() { w.cancel() }

// ResultChan implements watch.Interface.
func (w *namespaceWatch) ResultChan() <-chan watch.Event { return w.events }

func (w *namespaceWatch) run(ctx context.Context, all readNamespaces) {
	defer close(w.events)
	for _, name := range w.names {
		if m := all[name]; m != nil {
			w.send(ctx, watch.Added, m)
		} else {
			klog.FromContext(ctx).Info(absentNamespace, "namespace", name)
		}
	}
	newest := all.version()
	end := bookmark(newest)
	end.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	w.send(ctx, watch.Bookmark, end)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		read := true
		for _, name := range w.names {
			read = w.update(ctx, all, name) && read
		}
		if read { // whoever looks at whether the watch stands still sees that it does not
			newest = max(newest, all.version())
			w.send(ctx, watch.Bookmark, bookmark(newest))
		}
	}
}

func bookmark(v Version) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{ResourceVersion: v.String()}}
}

// absentNamespace is logged.
const absentNamespace = "a namespace of --namespaces does not exist or may not be read: nothing is mirrored " +
	"from or to it until that changes, and what became of the sources in it is not known"

// update reads one namespace, tells of the difference, and reports whether it got an answer. One that can't be read
// stays as it was.
func (w *namespaceWatch) update(ctx context.Context, all readNamespaces, name string) (read bool) {
	now, err := w.read(ctx, name)
	if err != nil {
		klog.FromContext(ctx).V(1).Info("a namespace was not read, trying again", "namespace", name, "err", err)
		return false
	}
	was := all[name]
	if was != nil && (now == nil || now.UID != was.UID) {
		delete(all, name)
		w.send(ctx, watch.Deleted, was)
		was = nil
		klog.FromContext(ctx).Info(absentNamespace, "namespace", name)
	}
	switch {
	case now == nil:
	case was == nil && w.found(name):
		all[name] = now
		w.send(ctx, watch.Added, now)
		klog.FromContext(ctx).Info("a namespace of --namespaces was found", "namespace", name)
	case was != nil && now.ResourceVersion != was.ResourceVersion:
		all[name] = now
		w.send(ctx, watch.Modified, now)
	}
	return true
}

func (w *namespaceWatch) send(ctx context.Context, kind watch.EventType, m *metav1.PartialObjectMetadata) {
	select {
	case w.events <- watch.Event{Type: kind, Object: m}:
	case <-ctx.Done():
	}
}
