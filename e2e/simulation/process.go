package simulation

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/replicator"
	"github.com/mirrorball-dev/mirrorball/replicator/lease"
)

const (
	// ownNamespace is Mirrorball's namespace, protected one that its operator protects.
	ownNamespace = "mirrorball-system"
	protected    = "kube-system"
	// processPrefix begins the names under which processes write.
	processPrefix = "mirrorball-"
)

// Settings are what the controllers of a history run with.
type Settings struct {
	Grace           time.Duration
	Workers, Writes int
	// Lease has the controllers lead by a Lease, so that several can be at hand.
	Lease bool
	// NoWatchList is an API server that does not stream lists.
	NoWatchList bool
}

func protectedPatterns() annotations.Patterns {
	p, err := annotations.ParseNamespacePatterns("kube-*")
	if err != nil {
		panic(err) // a constant
	}
	return p
}

func allPatterns() annotations.Patterns {
	p, err := annotations.ParseNamespacePatterns("*")
	if err != nil {
		panic(err) // a constant
	}
	return p
}

// process is a controller's process.
type process struct {
	name string
	stop context.CancelFunc
	once sync.Once
	dead chan struct{}
	done chan struct{}
	err  error
}

func start(n *network, number int, s Settings) *process {
	ctx, stop := context.WithCancel(klog.NewContext(context.Background(), logr.Discard()))
	p := &process{
		name: fmt.Sprintf("%s%d", processPrefix, number), stop: stop,
		dead: make(chan struct{}), done: make(chan struct{}),
	}
	config := &rest.Config{
		Host: "http://sim", QPS: -1, Transport: &connection{network: n, by: p.name, dead: p.dead},
	}
	go func() {
		defer close(p.done)
		if p.err = p.run(ctx, config, s); p.err != nil {
			p.kill() // as a process that exits: what it left running is gone with it
		}
	}()
	return p
}

func (p *process) run(ctx context.Context, config *rest.Config, s Settings) error {
	work := func(ctx context.Context) error {
		controller, err := replicator.New(replicator.Options{
			Config: config, Kinds: []annotations.Kind{annotations.Secret, annotations.ConfigMap}, Namespace: ownNamespace,
			SourceNamespaces: allPatterns(), ProtectedNamespaces: protectedPatterns(),
			SourceDeleteGrace: s.Grace, Workers: s.Workers, WriteConcurrency: s.Writes,
			Registry: prometheus.NewRegistry(),
		})
		if err != nil {
			return err
		}
		return controller.Run(ctx)
	}
	if !s.Lease {
		return work(ctx)
	}
	config = rest.CopyConfig(config)
	config.Timeout = lease.RequestTimeout
	client, err := coordinationclient.NewForConfig(config)
	if err != nil {
		return err
	}
	return lease.Lead(ctx, &resourcelock.LeaseLock{
		LeaseMeta: metav1.ObjectMeta{Namespace: ownNamespace, Name: "mirrorball"}, Client: client,
		LockConfig: resourcelock.ResourceLockConfig{Identity: p.name},
	}, work)
}

// kill ends the process as SIGKILL does: nothing that it asks for from now on arrives.
func (p *process) kill() {
	p.once.Do(func() { close(p.dead) })
	p.stop()
}

// ended says whether it is over.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	case <-p.dead:
		return true
	default:
		return false
	}
}
