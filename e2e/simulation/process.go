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
	"github.com/mirrorball-dev/mirrorball/replicator/liveness"
)

const (
	// ownNamespace is Mirrorball's namespace, protected one that the operator protects.
	ownNamespace = "mirrorball-system"
	protected    = "kube-system"
	// processPrefix begins the names of processes, by which the oracle knows their writes.
	processPrefix = "mirrorball-"
)

// Settings are those of a history's controllers and of its API server.
type Settings struct {
	Grace           time.Duration
	Workers, Writes int
	// Lease turns on leader election, with a standby.
	Lease bool
	// NoWatchList is set for an API server that does not stream lists.
	NoWatchList bool
	// Rules are the operator's when the history begins; nil stands for the open ones.
	Rules *document
	// Hostile adds the hostile tenants.
	Hostile bool
}

// timings are those that docs/flags.md gives for slow API servers. With the default ones, most of what a history costs
// would be renewals.
var timings = lease.Timings{
	LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second,
}

// reserved are the names of ConfigMaps that nothing is pushed onto.
var reserved = []string{"kube-root-ca.crt", "istio-ca-root-cert"}

// process is a process that runs the controller.
type process struct {
	name string
	stop context.CancelFunc
	once sync.Once
	dead chan struct{}
	done chan struct{}
	err  error
	// monitor is what the liveness checks ask.
	monitor liveness.Monitor
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
			p.kill() // what it left running ends with the process
		}
	}()
	return p
}

func (p *process) run(ctx context.Context, config *rest.Config, s Settings) error {
	answers := liveness.NewAnswers()
	config.Wrap(answers.Wrap)
	go p.monitor.Run(ctx)
	var fence lease.Fence
	controllers := rest.CopyConfig(config)
	if s.Lease {
		controllers.Wrap(fence.Wrap)
	}
	// A controller begins to wait for work when it is made, and ends when it has run or stood by.
	controller := sync.OnceValues(func() (*replicator.Controller, error) {
		return replicator.New(replicator.Options{
			Config: controllers, Kinds: []annotations.Kind{annotations.Secret, annotations.ConfigMap}, Namespace: ownNamespace,
			SourceNamespaces: patternsOf("*"), ProtectedNamespaces: patternsOf("kube-*"), ReservedNames: reserved,
			SourceDeleteGrace: s.Grace, Workers: s.Workers, WriteConcurrency: s.Writes,
			Registry: prometheus.NewRegistry(),
		})
	})
	work := func(ctx context.Context) error {
		c, err := controller()
		if err != nil {
			return err
		}
		p.monitor.Watch(c.Subjects(answers)...)
		return c.Run(ctx)
	}
	if !s.Lease {
		return work(ctx)
	}
	renewals := rest.CopyConfig(config) // the controller's has no timeout, which would end its watches
	renewals.Timeout = timings.RequestTimeout()
	client, err := coordinationclient.NewForConfig(renewals)
	if err != nil {
		return err
	}
	renewed := lease.NewRenewals(&resourcelock.LeaseLock{
		LeaseMeta: metav1.ObjectMeta{Namespace: ownNamespace, Name: "mirrorball"}, Client: client,
		LockConfig: resourcelock.ResourceLockConfig{Identity: p.name},
	}, timings)
	p.monitor.Watch(renewed.Subject())
	return lease.Lead(ctx, lease.Election{
		Lock: renewed, Timings: timings, Fence: &fence, StandBy: func() {
			if c, err := controller(); err == nil { // else work returns it
				c.StandBy(ctx)
			}
		},
	}, work)
}

// kill ends the process as SIGKILL does: none of its requests arrives from now on.
func (p *process) kill() {
	p.once.Do(func() { close(p.dead) })
	p.stop()
}

// ended reports whether the process has exited or was killed.
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
