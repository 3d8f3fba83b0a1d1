// Package firstpods measures the first Pod of a new namespace on a real node: the Namespace and a Deployment with a
// private image are applied together, and Mirrorball attaches the pull secret to the ServiceAccount that the Pod uses.
//
// The Pod gets the pull secrets that its ServiceAccount names when it is admitted, and never later. So a Pod that is
// admitted before the attachment is doomed: nothing but a new Pod helps. The measurement counts these Pods, and
// compares the time until the others run with the time that the same takes where the secret was made and attached by
// hand before. A third way has a public image, so that it shows what a new namespace takes in any case. The ways
// alternate, so that all meet the same machine.
package firstpods

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/screen"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

// The cases: with nothing else to do for Mirrorball, and while a fan-out is under way.
const (
	Idle   = "idle"
	FanOut = "fan-out"
)

// Cases returns the names of the cases, in their order.
func Cases() []string { return []string{Idle, FanOut} }

// Options say what to measure.
type Options struct {
	// Cases are the names of the cases to run.
	Cases []string
	// Pods is how many Pods are started in each of the ways, in each case.
	Pods int
	// Batch is how many Pods start at the same time.
	Batch int
	// Writes is how many replicas the fan-out writes.
	Writes int
	// Apply are files that kubectl applies before the measurement, after Mirrorball was installed.
	Apply []string
	// Log gets a line for each step.
	Log io.Writer
}

func (o Options) check() error {
	if o.Pods < 1 || o.Batch < 1 || o.Writes < 1 {
		return errors.New("the numbers of Pods, of Pods at the same time and of writes have to be at least 1")
	}
	for _, name := range o.Cases {
		if !slices.Contains(Cases(), name) {
			return fmt.Errorf("there is no case %q: choose from %s", name, strings.Join(Cases(), ", "))
		}
	}
	return nil
}

// Run measures the cases on a node of its own, of which nothing remains, and passes each result on when it is there.
func Run(ctx context.Context, options Options, done func(Result) error) (err error) {
	if err := options.check(); err != nil {
		return err
	}
	show := &screen.Screen{Out: options.Log}
	cluster, err := node.Start(ctx, node.Options{Log: show.Faint()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	r, err := newRunner(ctx, cluster, options, show)
	if err != nil {
		return err
	}
	for _, name := range options.Cases {
		result, err := r.runCase(ctx, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := done(result); err != nil {
			return err
		}
	}
	return nil
}
