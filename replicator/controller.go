package replicator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
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
	// SourceNamespaces are where sources may be; objects elsewhere are none.
	SourceNamespaces annotations.Patterns
	// ProtectedNamespaces are never written to.
	ProtectedNamespaces annotations.Patterns
	// SourceDeleteGrace is how long replicas outlive their source.
	SourceDeleteGrace time.Duration
	// Workers is how many sources are worked on at a time, WriteConcurrency how many writes are under way.
	Workers, WriteConcurrency int
	// Registry takes the metrics.
	Registry prometheus.Registerer
}

// Controller keeps replicas in step with their sources.
type Controller struct {
	options   Options
	digestKey informers.DigestKey
	cluster   *informers.Cluster
	queue     *queue
	api       *api
	events    *events
	metrics   *metrics
	writes    *writes
	contents  *contents

	mu     sync.Mutex
	states map[informers.Key]*state
}

// New makes a Controller that does nothing yet. It is run once.
func New(o Options) (*Controller, error) {
	if len(o.Kinds) == 0 || o.Workers < 1 || o.WriteConcurrency < 1 {
		return nil, errors.New("at least one kind, one worker and one write at a time are needed")
	}
	protobuf := rest.CopyConfig(o.Config)
	protobuf.ContentType = "application/vnd.kubernetes.protobuf"
	protobuf.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	typed, err := kubernetes.NewForConfig(protobuf)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	meta, err := metadata.NewForConfig(o.Config)
	if err != nil {
		return nil, fmt.Errorf("metadata client: %w", err)
	}
	api, err := newAPI(o.Config)
	if err != nil {
		return nil, err
	}
	c := &Controller{
		options: o, digestKey: informers.NewDigestKey(), api: api,
		writes: newWrites(o.WriteConcurrency), contents: newContents(), states: map[informers.Key]*state{},
	}
	c.metrics = newMetrics(o.Registry, c.count)
	c.events = newEvents(typed.EventsV1())
	c.queue = newQueue(c.metrics)
	c.cluster = informers.New(informers.Options{
		Metadata: meta, Typed: typed, Kinds: o.Kinds, Namespace: o.Namespace,
		DigestKey: c.digestKey, Notify: c.notify,
	})
	return c, nil
}

// Synced is nil once every cache has synced, and says which have not.
func (c *Controller) Synced() error { return c.cluster.Synced() }

// Run works until ctx is done, then finishes what is being written and returns nil. The logger travels in ctx. The
// caches are filled from here on and not before, so that nothing is decided on what was seen before this process led.
func (c *Controller) Run(ctx context.Context) error {
	logger := klog.FromContext(ctx)
	defer c.events.start(ctx)()
	var streams, workers sync.WaitGroup
	streams.Go(func() { c.cluster.Run(ctx) })
	defer streams.Wait()
	defer c.queue.ShutDown()

	if !c.WaitForSync(ctx) {
		return nil
	}
	logger.Info("caches synced", "namespaces", len(c.cluster.Namespaces()))
	for range c.options.Workers {
		workers.Go(func() {
			for c.next(ctx) {
			}
		})
	}
	<-ctx.Done()
	logger.Info("draining")
	c.queue.ShutDown()
	workers.Wait()
	return nil
}

// notify queues a source, and has the pass that is under way for it end soon if the news is pressing.
func (c *Controller) notify(key informers.Key, news informers.News) {
	if news == informers.NewsAround {
		c.queue.Add(key)
		return
	}
	c.interrupt(key, news)
	c.queue.Press(key)
}

// WaitForSync returns true once every cache has synced, and false when ctx ends before.
func (c *Controller) WaitForSync(ctx context.Context) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for c.cluster.Synced() != nil {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// next works one key, and is false once the queue has shut down.
func (c *Controller) next(ctx context.Context) bool {
	key, shutdown := c.queue.Get()
	if shutdown {
		return false
	}
	defer c.queue.Done(key)
	if ctx.Err() != nil {
		return true // draining: the next process looks at everything
	}
	begin := time.Now()
	logger := klog.FromContext(ctx).WithValues("kind", key.Kind, "source", klog.KRef(key.Namespace, key.Name))
	after, err := c.reconcile(klog.NewContext(ctx, logger), key)
	c.metrics.reconciled(time.Since(begin), err)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		logger.Error(err, "reconcile failed, will be tried again")
		c.queue.AddRateLimited(key)
	case after == again:
		c.queue.AddRateLimited(key)
	default:
		c.queue.Forget(key)
		if after == now {
			c.queue.Add(key)
		} else if after > 0 {
			c.queue.AddAfter(key, time.Duration(after))
		}
	}
	return true
}

// when says when to look at a key again: a duration, or one of the constants.
type when time.Duration

const (
	// changed: when something changes, and not before.
	changed when = 0
	// now: there is more to do.
	now when = -1
	// again: what was seen was behind; soon, and later if that goes on.
	again when = -2
)

// sooner is the earlier of two.
func sooner(a, b when) when {
	switch {
	case a == changed:
		return b
	case b == changed:
		return a
	case a == again || b == again:
		return again
	}
	return min(a, b)
}
