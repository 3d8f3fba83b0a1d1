package informers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// Options are what a Cluster is made of.
type Options struct {
	// Metadata and Typed are the clients for the informers; neither should limit requests.
	Metadata metadata.Interface
	Typed    kubernetes.Interface
	// Kinds are the kinds to look at.
	Kinds []annotations.Kind
	// Namespace is Mirrorball's own, where the records are.
	Namespace string
	// Attachments says that there may be attachments in that namespace; see Attachment.
	Attachments bool
	// Namespaces are the only ones to look at; empty is all.
	Namespaces []string
	// IgnoreServiceAccounts says that ServiceAccounts are not looked at.
	IgnoreServiceAccounts bool
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

	kinds      map[annotations.Kind]*objects
	namespaces *store[*Namespace]
	accounts   stores[*ServiceAccount]
	records    *store[*Record]
	rules      *store[*RulesDocument]
	// attachments is nil where there are none to look at.
	attachments *store[*Attachment]
	// gates are those of Options.Namespaces; nil where all namespaces are looked at.
	gates map[string]*gate
	// running, leading and confirmed are set by Run, Lead and Confirm, and synced by Synced.
	running, leading, confirmed, synced atomic.Bool

	// mu guards what follows, and the tenures of each kind. The stores have locks of their own: they may be read while mu
	// is held, and no code of this package runs while theirs are held.
	mu sync.RWMutex
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

// New makes a Cluster whose informers do not run yet.
func New(o Options) *Cluster {
	c := &Cluster{
		digestKey: o.DigestKey, onRules: o.OnRules, notify: o.Notify, unreadable: o.Unreadable,
		kinds:      map[annotations.Kind]*objects{},
		ineligible: map[Key]struct{}{}, held: map[Key]types.NamespacedName{},
		shares: newShares(maxPolicyBytes),
	}
	areas := c.newAreas(o.Namespaces)
	for _, kind := range o.Kinds {
		c.kinds[kind] = c.newObjects(kind, o, areas)
	}
	c.namespaces = newStore(storeOptions[*Namespace]{
		name: "namespaces", source: c.namespaceListerWatcher(o),
		expected: &metav1.PartialObjectMetadata{}, convert: newNamespace, changed: c.namespaceChanged,
	})
	if !o.IgnoreServiceAccounts {
		c.accounts = newStores(areas, func(namespace string) storeOptions[*ServiceAccount] {
			return storeOptions[*ServiceAccount]{
				name: "serviceaccounts", source: listerWatcher(o.Typed.CoreV1().ServiceAccounts(namespace), ""),
				expected: &corev1.ServiceAccount{}, convert: newServiceAccount, indexers: accountIndexers,
				changed: c.accountChanged,
			}
		})
	}
	c.records = newStore(storeOptions[*Record]{
		name: "records", source: listerWatcher(o.Typed.CoreV1().ConfigMaps(o.Namespace), LabelRecord+"="+recordPolicy),
		expected: &corev1.ConfigMap{}, convert: newRecord, indexers: recordIndexers, changed: c.recordChanged,
	})
	c.rules = c.newRules(o)
	if o.Attachments {
		c.attachments = c.newAttachments(o)
	}
	return c
}

// Run runs the informers until ctx is done, and returns when they have ended; at once where they run already. Nothing
// is told of until Lead is called.
func (c *Cluster) Run(ctx context.Context) {
	if c.running.Swap(true) {
		return
	}
	var wg sync.WaitGroup
	for _, s := range c.stores() {
		wg.Go(func() { s.run(ctx) })
	}
	wg.Wait()
}

// Synced is nil once every informer has had its first whole list and, in a process that leads, all of it has been told
// of; and says which have not. Those of a namespace that is not there are not waited for, and neither are, in a process
// that leads, those of one that is found later.
func (c *Cluster) Synced() error {
	if c.synced.Load() {
		return nil
	}
	leading := c.leading.Load()
	var waiting []string
	for _, s := range c.stores() { // the namespaces first: they say which of the others are waited for
		if !c.isAbsent(s.where()) && !s.hasSynced() {
			waiting = append(waiting, s.title())
		}
	}
	if len(waiting) > 0 {
		return fmt.Errorf("waiting for the first list of %s", strings.Join(waiting, ", "))
	}
	if leading {
		c.synced.Store(true)
	}
	return nil
}

// runner is a store of whatever type.
type runner interface {
	run(ctx context.Context)
	lead(ctx context.Context)
	confirm(ctx context.Context, isAbsent func() bool)
	list(ctx context.Context) error
	hasSynced() bool
	title() string
	observed() *Stream
	where() area
}

func (c *Cluster) stores() []runner {
	all := []runner{c.namespaces, c.records, c.rules}
	if c.attachments != nil {
		all = append(all, c.attachments)
	}
	all = append(all, runners(&c.accounts)...)
	for _, kind := range slices.Sorted(maps.Keys(c.kinds)) {
		all = append(all, runners(&c.kinds[kind].candidates)...)
		all = append(all, runners(&c.kinds[kind].replicas)...)
	}
	return all
}
