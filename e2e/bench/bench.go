// Package bench measures a controller that mirrors Secrets, Mirrorball or another, against what the same API server
// gives a bare client, or Kubernetes' own controllers, in the same run.
//
// Machines differ and are shared, so no figure stands alone: each is a ratio of two numbers that were taken in turn,
// round after round, and is reported as median and spread with the raw numbers beside it.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Options say what to measure, and how long.
type Options struct {
	// Cases are the names of those to run; empty is all but churn, start, hostile and scale.
	Cases []string
	// Rounds is how often each figure is taken.
	Rounds int
	// Size scales the numbers of objects: 1 is what docs/benchmarks.md reports.
	Size float64
	// Rest is how long the controller is watched at rest.
	Rest time.Duration
	// Command is another controller's command line; {kubeconfig} stands for the file to connect with. Empty is
	// bin/mirrorball.
	Command string
	// Annotations make a source of a Secret; {targets} stands for the pattern of target namespaces.
	Annotations map[string]string
	// Profiles is a folder to keep the controller's CPU and heap profiles of each case in; empty keeps none.
	Profiles string
	// Log is told what goes on.
	Log io.Writer
}

// Figure is one measured number, over all rounds.
type Figure struct {
	Name string `json:"name"`
	// Unit is "×" for a ratio.
	Unit string `json:"unit"`
	// Values are one a round.
	Values []float64 `json:"values"`
	// Goal is what is to be reached, in words; Limit the number, AtLeast whether it is a lower bound.
	Goal    string  `json:"goal,omitempty"`
	Limit   float64 `json:"limit,omitempty"`
	AtLeast bool    `json:"atLeast,omitempty"`
	// Raw are the numbers behind the values: name to one a round.
	Raw []Series `json:"raw,omitempty"`
}

// Series is a named row of numbers.
type Series struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Values []float64 `json:"values"`
}

// Met says whether the median reaches the goal; a figure without one always does.
func (f *Figure) Met() bool {
	switch m := Median(f.Values); {
	case f.Goal == "":
		return true
	case f.AtLeast:
		return m >= f.Limit
	default:
		return m <= f.Limit
	}
}

// Result is what a case came to.
type Result struct {
	Case    string   `json:"case"`
	Title   string   `json:"title"`
	Figures []Figure `json:"figures"`
	// Samples are distributions worth a plot, in milliseconds.
	Samples []Series `json:"samples,omitempty"`
	// Notes are facts of the run, such as the concurrency that the bare client did best with.
	Notes []string `json:"notes,omitempty"`
}

// benchmark is one case.
type benchmark struct {
	name, title string
	run         func(ctx context.Context, b *bench) (Result, error)
}

var benchmarks = []benchmark{
	{"fan-out", "one source into 1,000 namespaces", fanOut},
	{"fan-out-300", "one source into 300 namespaces", fanOutSmall},
	{"many-sources", "50 sources into 200 namespaces", manySources},
	{"rotation", "the data of a source with 1,000 replicas changes", rotation},
	{"rotation-300", "the data of a source with 300 replicas changes", rotationSmall},
	{"new-namespace", "200 namespaces at 5 a second, one source", newNamespaceOne},
	{"new-namespace-50", "200 namespaces at 5 a second, 50 sources", newNamespaceMany},
	{"behind-fan-out", "new namespaces while 10,000 other writes are under way", behindFanOut},
	{"behind-other-fan-out", "new namespaces while 10,000 writes of sources that do not reach them are under way",
		behindOtherFanOut},
	{"watchers", "200 namespaces at 5 a second, one source, while 100 other clients watch all Secrets", watchers},
	{"attach", "200 namespaces at 5 a second, a source that attaches to default ServiceAccounts", attach},
	{"strangers-large", "5,000 unrelated Secrets of 100 KiB", strangersLarge},
	{"strangers-small", "50,000 small unrelated Secrets", strangersSmall},
	{"cost", "requests and bytes a replica", cost},
	{"rest-and-restart", "10,000 replicas in sync: at rest, and restarted", restAndRestart},
	{"failover", "10,000 replicas: the leader is killed, and a source changes 0.1 s later", failover},
	{"churn", "3,600 namespaces, made and deleted at 20 a second, 10 sources", churn},
	{"start", "a start with 100,000 replicas, one of which is missing", startUp},
	{"hostile", "new namespaces while a tenant has 5,000 hostile sources", hostile},
	{"scale", "10,000, 30,000 and 100,000 replicas", scale},
}

// notByDefault have to be asked for by name.
var notByDefault = []string{"churn", "start", "hostile", "scale"}

// Names are the cases, in order.
func Names() []string {
	names := make([]string, len(benchmarks))
	for i, c := range benchmarks {
		names[i] = c.name
	}
	return names
}

// Run runs the cases, each on a control plane of its own, and hands every result over as soon as it is there.
func Run(ctx context.Context, o Options, done func(Result) error) error {
	for _, name := range o.Cases {
		if !slices.Contains(Names(), name) {
			return fmt.Errorf("there is no case %q: choose from %s", name, strings.Join(Names(), ", "))
		}
	}
	for _, c := range benchmarks {
		run := slices.Contains(o.Cases, c.name) || len(o.Cases) == 0 && !slices.Contains(notByDefault, c.name)
		if !run {
			continue
		}
		if err := runOne(ctx, o, c, done); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

func runOne(ctx context.Context, o Options, c benchmark, done func(Result) error) (err error) {
	b, err := start(ctx, o, c.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	b.say("%s", c.title)
	result, err := c.run(ctx, b)
	if err != nil {
		return err
	}
	result.Case, result.Title = c.name, c.title
	return done(result)
}
