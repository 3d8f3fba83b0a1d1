package informers

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// NewTestCluster is a Cluster of Secrets whose stores are fed by hand. It calls notify, unless that is nil.
func NewTestCluster(notify func(Key, Change)) *Cluster {
	return NewTestClusterOf(&rest.Config{Host: "http://unused.invalid"}, notify)
}

// NewTestClusterOf is a Cluster of the Secrets of an API server, in some namespaces or in all.
func NewTestClusterOf(server *rest.Config, notify func(Key, Change), namespaces ...string) *Cluster {
	if notify == nil {
		notify = func(Key, Change) {}
	}
	return New(Options{
		Metadata: metadata.NewForConfigOrDie(server), Typed: kubernetes.NewForConfigOrDie(server),
		Kinds: []annotations.Kind{annotations.Secret}, Namespace: "mirrorball-system", Namespaces: namespaces,
		DigestKey: NewDigestKey(), OnRules: func() {}, Notify: notify, Unreadable: func(*Record) {},
	})
}

// DigestKey is that of the replicas' digests.
func (c *Cluster) DigestKey() DigestKey { return c.digestKey }

// ReplaceRules fills the store of the operator's rules; nil is none.
func (c *Cluster) ReplaceRules(cm *corev1.ConfigMap, version string) error {
	var items []any
	if cm != nil {
		items = []any{cm}
	}
	return c.rules.Replace(items, version)
}

// Replace fills the stores as lists of these objects would.
func (c *Cluster) Replace(
	namespaces []*corev1.Namespace, secrets []*corev1.Secret, accounts []*corev1.ServiceAccount, version string,
) error {
	var ns, candidates, replicas, sas []any
	for _, n := range namespaces {
		ns = append(ns, &metav1.PartialObjectMetadata{ObjectMeta: n.ObjectMeta})
	}
	for _, s := range secrets {
		if _, ok := s.Labels[annotations.LabelReplica]; ok {
			replicas = append(replicas, s)
		} else {
			candidates = append(candidates, &metav1.PartialObjectMetadata{ObjectMeta: s.ObjectMeta})
		}
	}
	for _, sa := range accounts {
		sas = append(sas, sa)
	}
	o := c.kinds[annotations.Secret]
	for _, list := range []struct {
		store interface{ Replace([]any, string) error }
		items []any
	}{{c.namespaces, ns}, {&o.candidates, candidates}, {&o.replicas, replicas}, {&c.accounts, sas}} {
		if err := list.store.Replace(list.items, version); err != nil {
			return err
		}
	}
	return nil
}

// Add, Update, Delete and Replace feed a store by hand, as its informer would: first the store, then the event handler.

func (x *stores[T]) Add(obj any) error    { return x.everywhere.Add(obj) }
func (x *stores[T]) Update(obj any) error { return x.everywhere.Update(obj) }
func (x *stores[T]) Delete(obj any) error { return x.everywhere.Delete(obj) }
func (x *stores[T]) Replace(list []any, version string) error {
	return x.everywhere.Replace(list, version)
}

func (s *store[T]) indexer() cache.Indexer { return s.informer.GetIndexer() }

func (s *store[T]) Add(obj any) error { return s.Update(obj) }

func (s *store[T]) Update(obj any) error {
	t, err := s.lean(obj)
	if err != nil {
		return err
	}
	old := s.item(nameOf(t))
	if err := s.indexer().Update(t); err != nil {
		return err
	}
	s.handle(nameOf(t), old, t)
	return nil
}

func (s *store[T]) Delete(obj any) error {
	t, err := s.lean(obj)
	if err != nil {
		return err
	}
	last := s.item(nameOf(t))
	if last == none[T]() {
		last = t
	}
	if err := s.indexer().Delete(t); err != nil {
		return err
	}
	s.handle(nameOf(t), last, none[T]()) // the API server tells of the last state
	return nil
}

func (s *store[T]) Replace(list []any, version string) error {
	items := make([]any, len(list))
	for i, obj := range list {
		t, err := s.lean(obj)
		if err != nil {
			return err
		}
		items[i] = t
	}
	before := typed[T](s.indexer().List())
	if err := s.indexer().Replace(items, version); err != nil {
		return err
	}
	olds := map[string]T{}
	for _, old := range before {
		n := nameOf(old)
		if olds[keyOf(n)] = old; s.item(n) == none[T]() {
			s.handle(n, old, none[T]())
		}
	}
	for _, t := range typed[T](items) {
		old := olds[keyOf(nameOf(t))]
		if old == none[T]() || old.identity().Version != t.identity().Version { // as client-go does
			s.handle(nameOf(t), old, t)
		}
	}
	s.listed.Store(true)
	return nil
}
