package replicator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/events"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// Options are what a Controller is made of.
type Options struct {
	// Config reaches the API server. Its client-side rate limit should be off: the server's own priority and fairness is
	// the limit.
	Config *rest.Config
	// Kinds are the kinds to mirror.
	Kinds []annotations.Kind
	// Namespace is Mirrorball's own. It holds what has to be remembered, and nothing is ever mirrored into it.
	Namespace string
	// Namespaces are the only ones that there are for the controller; empty is all. It needs no right elsewhere then, but
	// in Namespace.
	Namespaces []string
	// IgnoreServiceAccounts says that replicas are not attached to ServiceAccounts. It needs no right on them then.
	IgnoreServiceAccounts bool
	// SourceNamespaces are where sources may be; objects elsewhere are none.
	SourceNamespaces annotations.Patterns
	// ProtectedNamespaces are never written to.
	ProtectedNamespaces annotations.Patterns
	// ReservedNames are the names of ConfigMaps that nothing is pushed onto.
	ReservedNames []string
	// BornAttached says that admission policies attach replicas to ServiceAccounts when these are created, by what the
	// controller keeps for them.
	BornAttached bool
	// SourceDeleteGrace is how long replicas outlive their source.
	SourceDeleteGrace time.Duration
	// Workers is how many sources are worked on at a time, WriteConcurrency how many writes are under way.
	Workers, WriteConcurrency int
	// Registry takes the metrics.
	Registry prometheus.Registerer
}

// Controller keeps replicas in sync with their sources.
type Controller struct {
	options  Options
	cluster  *informers.Cluster
	queue    *queue
	pending  *pending
	states   *states
	metrics  *metrics
	events   *events.Writer
	records  *records
	rulebook *rulebook
	observer *observer
	attached *bornAttached
	decider  decider
	// executors and reporter do what a pass decided, and tell of it.
	executors executors
	reporter  reporter
	// workers are there from the start, and working is set while they take sources.
	workers []*worker
	working atomic.Bool
}

// New returns a Controller that does nothing yet. It can be run once.
func New(o Options) (*Controller, error) {
	if len(o.Kinds) == 0 || o.Workers < 1 || o.WriteConcurrency < 1 {
		return nil, errors.New("at least one kind, one worker and one write at a time are needed")
	}
	clients, err := newClients(o.Config)
	if err != nil {
		return nil, err
	}
	api := clients.api
	c := &Controller{
		options: o, pending: newPending(), states: newStates(), workers: newWorkers(2 * o.Workers),
	}
	c.metrics = newMetrics(o.Registry, gauges{
		count:         func() (map[string]int, map[plan.State]int) { return c.states.count(c.cluster) },
		rulesReadable: func() bool { return c.rulebook.readable() },
		writeBound:    func() int { return c.executors.limiter.bound() },
	})
	c.events = events.NewWriter(clients.typed.EventsV1(), eventAnswer, c.metrics.eventsDropped.Inc)
	c.rulebook = newRulebook(o.Namespace, func() *informers.RulesDocument { return c.cluster.Rules() }, c.events)
	c.queue = newQueue(c.metrics, o.Workers)
	key, contents := informers.NewDigestKey(), newContents()
	c.cluster = informers.New(informers.Options{
		Metadata: clients.metadata, Typed: clients.typed, Kinds: o.Kinds, Namespace: o.Namespace,
		Namespaces: o.Namespaces, IgnoreServiceAccounts: o.IgnoreServiceAccounts, Attachments: o.BornAttached,
		DigestKey: key, Notify: c.notify, Unreadable: c.unreadable, OnRules: c.rulebook.refresh,
	})
	c.attached = newBornAttached(o, api, c.cluster)
	c.records = &records{api: api, cluster: c.cluster, namespace: o.Namespace}
	c.observer = newObserver(o, api, observerParts{
		api: api, cluster: c.cluster, digestKey: key, contents: contents, records: c.records, metrics: c.metrics,
	})
	c.decider = decider{observer: c.observer, rulebook: c.rulebook}
	limiter := newWriteLimiter(o.WriteConcurrency)
	api.answered = limiter.answered
	c.executors = executors{
		writers:  writers{api: api, cluster: c.cluster, digestKey: key, limiter: limiter},
		contents: contents, pending: c.pending, queue: c.queue, metrics: c.metrics,
	}
	c.reporter = reporter{cluster: c.cluster, recorder: c.events, notify: c.notify}
	if o.Registry != nil {
		if err := o.Registry.Register(newLivenessMetrics(c)); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return c, nil
}

// clients are those of a Controller or an Inspector.
type clients struct {
	typed    kubernetes.Interface
	metadata metadata.Interface
	api      *api
}

func newClients(config *rest.Config) (clients, error) {
	protobuf := rest.CopyConfig(config)
	protobuf.ContentType = "application/vnd.kubernetes.protobuf"
	protobuf.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	typed, err := kubernetes.NewForConfig(protobuf)
	if err != nil {
		return clients{}, fmt.Errorf("client: %w", err)
	}
	meta, err := metadata.NewForConfig(config)
	if err != nil {
		return clients{}, fmt.Errorf("metadata client: %w", err)
	}
	api, err := newAPI(config)
	return clients{typed: typed, metadata: meta, api: api}, err
}

// eventAnswer classifies what came of trying to write an event.
func eventAnswer(ctx context.Context, err error) events.Answer {
	if isOverload(err) {
		return events.Answer{Retry: true, Refusal: reason(err)}
	}
	switch classify(ctx, err) {
	case succeeded, stale, terminating, stopping:
		return events.Answer{}
	}
	return events.Answer{Refusal: reason(err)}
}

// Synced returns nil once every cache has synced, and else says which have not.
func (c *Controller) Synced() error { return c.cluster.Synced() }

// StandBy fills the caches and keeps them up to date until ctx is done. Nothing is decided, written or told of by that.
// It is for a process that waits to lead; Run may be called meanwhile, with a context that ends no later.
func (c *Controller) StandBy(ctx context.Context) {
	c.cluster.Run(ctx) // which returns at once if Run was called before
	<-ctx.Done()
	c.queue.ShutDown() // of a process that never led
}

// Run works until ctx is done, then finishes the writes under way and returns nil. The logger travels in ctx. This
// process leads from here on: nothing is removed on account of what was seen before, until that is confirmed. Run
// returns an [UnreadableRulesError] at once where there are rules that can't be read.
func (c *Controller) Run(ctx context.Context) error {
	logger := klog.FromContext(ctx)
	defer c.events.Start(ctx)()
	c.cluster.Lead(ctx)
	var watches, workers sync.WaitGroup
	watching, stopWatching := context.WithCancel(ctx)
	watches.Go(func() { c.cluster.Run(watching) })
	watches.Go(func() { c.cluster.Confirm(watching) })
	watches.Go(func() { c.rulebook.run(watching) })
	defer watches.Wait()
	defer stopWatching()
	defer c.queue.ShutDown()

	if !c.WaitForSync(ctx) || !c.rulebook.catchUp(ctx, c.observer.api) {
		return nil
	}
	if err := c.rulebook.start(ctx); err != nil {
		return err
	}
	logger.Info("caches synced, starting workers", "namespaces", len(c.cluster.Namespaces()))
	settled := time.AfterFunc(c.options.SourceDeleteGrace, c.cluster.Settle)
	defer settled.Stop()
	c.working.Store(true)
	for _, w := range c.workers { // half of them are extra ones, for urgent changes
		workers.Go(func() {
			for c.processNext(w.context(ctx)) {
			}
		})
	}
	<-ctx.Done()
	c.working.Store(false)
	logger.Info("stopping: waiting for writes in flight")
	c.queue.ShutDown()
	workers.Wait()
	return nil
}

// notify takes in a change that may concern a source.
func (c *Controller) notify(key informers.Key, change informers.Change) {
	// While a source is not worked on, none of our writes for it is under way: somebody else has changed the replica.
	change.Urgent = change.Urgent || change.Repair && !c.queue.IsWorkedOn(key)
	c.pending.add(key, change)
	if change.Urgent {
		c.queue.AddUrgent(key)
	} else {
		c.queue.Add(key)
	}
}

// unreadable tells people of a ConfigMap that is marked as a record, and that is passed over.
func (c *Controller) unreadable(r *informers.Record) {
	ctx := context.Background() // the watch's callbacks have none
	klog.FromContext(ctx).Info("record ignored", "configMap", klog.KRef(r.Namespace, r.Name), "reason", r.Problem)
	c.metrics.unreadable.Inc()
	c.events.Warning(ctx, events.Subject{
		Kind: string(annotations.ConfigMap), NamespacedName: r.NamespacedName, UID: r.UID,
	}, reasonUnreadableRecord, "the saved policy is ignored: "+r.Problem+"; delete the ConfigMap; while the source "+
		"exists, its policy is saved again")
}

// WaitForSync returns true once every cache has synced, and false when ctx ends before.
func (c *Controller) WaitForSync(ctx context.Context) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	//mutant:caches-synced
	for c.cluster.Synced() != nil {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// processNext reconciles one source, and returns false once the queue has shut down.
func (c *Controller) processNext(ctx context.Context) bool {
	key, shutdown := c.queue.Get()
	if shutdown {
		return false
	}
	defer c.queue.Done(key)
	if ctx.Err() != nil {
		return true // draining: the next process looks at everything
	}
	defer workerOf(ctx).begin(key)()
	begin := time.Now()
	logger := klog.FromContext(ctx).WithValues("kind", key.Kind, "source", klog.KRef(key.Namespace, key.Name))
	r, err := c.reconcile(klog.NewContext(ctx, logger), key)
	c.metrics.reconciled(time.Since(begin), err)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		logger.Error(err, "reconcile failed, retrying with backoff")
		c.queue.AddRateLimited(key)
	case r.requeue == requeueWithBackoff:
		c.queue.AddRateLimited(key)
	default:
		c.queue.Forget(key)
		if r.requeue == requeueNow {
			c.queue.Add(key)
		} else if r.after > 0 {
			c.queue.AddAfter(key, r.after)
		}
	}
	return true
}
