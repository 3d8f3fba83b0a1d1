package informers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// Options are what a Cluster is made of.
type Options struct {
	// Metadata and Typed are the clients for the streams; neither should limit requests.
	Metadata metadata.Interface
	Typed    kubernetes.Interface
	// Kinds are the kinds to look at.
	Kinds []annotations.Kind
	// Namespace is Mirrorball's own, where the records are.
	Namespace string
	// DigestKey keys the replicas' digests.
	DigestKey DigestKey
	// OnRules is called after each change of the operator's rules, and before Notify is called on their account.
	OnRules func()
	// Notify is called with each source that a change may concern. It must not block and may be called often.
	Notify func(source Key, change Change)
	// Unreadable is called with each record that has a Problem; it must not block.
	Unreadable func(*Record)
}

// Cluster is the view of the cluster. All its questions are answered from memory; the answers are shared and must not
// be changed.
type Cluster struct {
	digestKey  DigestKey
	onRules    func()
	notify     func(source Key, change Change)
	unreadable func(*Record)

	mu         sync.RWMutex
	kinds      map[annotations.Kind]*objects
	namespaces *stream[*Namespace]
	accounts   *stream[*ServiceAccount]
	records    *stream[*Record]
	rules      *stream[*RulesDocument]
	// accountsIn are the ServiceAccounts by namespace, attached by the Secret that Mirrorball added to them,
	// remembered the records by their source.
	accountsIn index[string]
	attached   index[types.NamespacedName]
	remembered map[Key]*Record
	// ineligible are the sources that do not compete; see SetIneligible.
	ineligible map[Key]struct{}
	// sorted is every namespace by name, made again when asked for after a change.
	sorted []*Namespace
	// held are the places that Hold keeps, and for which source.
	held map[Key]types.NamespacedName
	// settled is set by Settle.
	settled bool
	shares  *shares
}

// New makes a Cluster whose streams do not run yet.
func New(o Options) *Cluster {
	c := &Cluster{
		digestKey: o.DigestKey, onRules: o.OnRules, notify: o.Notify, unreadable: o.Unreadable,
		kinds:      map[annotations.Kind]*objects{},
		accountsIn: index[string]{}, attached: index[types.NamespacedName]{}, remembered: map[Key]*Record{},
		ineligible: map[Key]struct{}{}, held: map[Key]types.NamespacedName{},
		shares: newShares(maxPolicyBytes),
	}
	for _, kind := range o.Kinds {
		c.kinds[kind] = c.newObjects(kind, o)
	}
	c.namespaces = newStream(c, "namespaces", newNamespace, c.indexNamespace, c.namespaceChanged,
		metadataListerWatcher(o.Metadata, "namespaces", ""), &metav1.PartialObjectMetadata{})
	c.accounts = newStream(c, "serviceaccounts", newServiceAccount, c.indexAccount, c.accountChanged,
		listerWatcher(o.Typed.CoreV1().ServiceAccounts(""), ""), &corev1.ServiceAccount{})
	c.records = newStream(c, "records", newRecord, c.indexRecord, c.recordChanged,
		listerWatcher(o.Typed.CoreV1().ConfigMaps(o.Namespace), LabelRecord+"="+recordPolicy), &corev1.ConfigMap{})
	c.rules = c.newRules(o)
	return c
}

func (c *Cluster) newObjects(kind annotations.Kind, o Options) *objects {
	x := &objects{
		kind: kind, sources: names{}, tenures: newTenures(), wanted: index[string]{},
		replicasOf: index[types.NamespacedName]{}, pullers: nested{}, pulled: nested{},
		stripped: index[types.NamespacedName]{},
	}
	resource := Resource(kind)
	x.candidates = newStream(c, resource, newCandidate, x.indexCandidate,
		func(n types.NamespacedName, old, new *Candidate) { c.candidateChanged(x, n, old, new) },
		metadataListerWatcher(o.Metadata, resource, "!"+annotations.LabelReplica), &metav1.PartialObjectMetadata{})
	x.candidates.keep = (*Candidate).keep
	var full cache.ListerWatcher
	var expected runtime.Object
	switch kind {
	case annotations.Secret:
		full, expected = listerWatcher(o.Typed.CoreV1().Secrets(""), annotations.LabelReplica), &corev1.Secret{}
	case annotations.ConfigMap:
		full, expected = listerWatcher(o.Typed.CoreV1().ConfigMaps(""), annotations.LabelReplica), &corev1.ConfigMap{}
	}
	x.replicas = newStream(c, resource+"/replicas", o.DigestKey.replica, x.indexReplica,
		func(n types.NamespacedName, old, new *Replica) { c.replicaChanged(x, n, old, new) }, full, expected)
	return x
}

// Resource is the API's name for a kind.
func Resource(kind annotations.Kind) string { return strings.ToLower(string(kind)) + "s" }

func newStream[T lean](
	c *Cluster, name string, convert func(any) (T, error),
	index func(old, new T), changed func(n types.NamespacedName, old, new T),
	from cache.ListerWatcher, expected runtime.Object,
) *stream[T] {
	return &stream[T]{
		name: name, mu: &c.mu, items: map[types.NamespacedName]T{},
		convert: convert, index: index, changed: changed, source: from, expected: expected,
	}
}

// lister is the part of a typed client that a stream needs.
type lister[L runtime.Object] interface {
	List(ctx context.Context, opts metav1.ListOptions) (L, error)
	Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error)
}

func listerWatcher[L runtime.Object](client lister[L], labels string) cache.ListerWatcher {
	return listWatch(client, selectors{labels: labels})
}

// selectors say which objects a stream is about.
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

func metadataListerWatcher(client metadata.Interface, resource, selector string) cache.ListerWatcher {
	return listerWatcher[*metav1.PartialObjectMetadataList](
		client.Resource(schema.GroupVersionResource{Version: "v1", Resource: resource}), selector)
}

// Run runs the streams until ctx is done, and returns when they have ended.
func (c *Cluster) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range c.streams() {
		wg.Go(func() { s.run(ctx) })
	}
	wg.Wait()
}

// Synced is nil once every stream has had its first whole list, and says which have not.
func (c *Cluster) Synced() error {
	var waiting []string
	for _, s := range c.streams() {
		if !s.hasSynced() {
			waiting = append(waiting, s.title())
		}
	}
	if len(waiting) > 0 {
		return fmt.Errorf("waiting for the first list of %s", strings.Join(waiting, ", "))
	}
	return nil
}

// runner is a stream of whatever type.
type runner interface {
	run(ctx context.Context)
	list(ctx context.Context) error
	hasSynced() bool
	title() string
}

func (s *stream[T]) title() string { return s.name }

func (c *Cluster) streams() []runner {
	all := []runner{c.namespaces, c.accounts, c.records, c.rules}
	for _, kind := range slices.Sorted(maps.Keys(c.kinds)) {
		all = append(all, c.kinds[kind].candidates, c.kinds[kind].replicas)
	}
	return all
}

func (c *Cluster) indexNamespace(_, _ *Namespace) { c.sorted = nil }

func (c *Cluster) indexAccount(old, new *ServiceAccount) {
	if old != nil {
		c.accountsIn.remove(old.Namespace, old.NamespacedName)
		for _, source := range old.Attached {
			c.attached.remove(source, old.NamespacedName)
		}
	}
	if new != nil {
		c.accountsIn.add(new.Namespace, new.NamespacedName)
		for _, source := range new.Attached {
			c.attached.add(source, new.NamespacedName)
		}
	}
}

func (c *Cluster) indexRecord(old, new *Record) {
	if old != nil && old.Problem == "" {
		delete(c.remembered, old.Source)
	}
	if new != nil && new.Problem == "" {
		c.remembered[new.Source] = new
	}
}
