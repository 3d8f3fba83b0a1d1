package main

import "time"

// This table is what has to be adapted when code moves. Paths are relative to the top of the checkout.

// target is a package that is mutated systematically.
type target struct {
	dir string
	// files are patterns of the files that are mutated. Tests never are.
	files []string
	// suites are the tests that may notice, in the order in which they are asked.
	suites []*suite
}

var (
	annotationsTests = &suite{
		module: ".", dir: "annotations", flags: []string{"-test.failfast", "-rapid.nofailfile", "-rapid.shrinktime=0s"},
	}
	planTests       = &suite{module: ".", dir: "replicator/plan", flags: []string{"-test.failfast"}}
	replicatorTests = &suite{module: ".", dir: "replicator", flags: []string{"-test.failfast"}}
	leaseTests      = &suite{module: ".", dir: "replicator/lease", flags: []string{"-test.failfast"}}
	eventsTests     = &suite{module: ".", dir: "replicator/events", flags: []string{"-test.failfast"}}
	// simulation decides where the unit tests don't.
	simulation = &suite{module: "e2e", dir: "e2e/simulation", flags: []string{"-test.failfast", "-stop"}}
)

var targets = []*target{
	{dir: "annotations", files: []string{"*.go"}, suites: []*suite{annotationsTests}},
	{dir: "replicator/plan", files: []string{"*.go"}, suites: []*suite{planTests, simulation}},
	{
		dir:    "replicator",
		files:  []string{"executor.go", "outcome.go", "adopt.go", "attach.go", "desired.go", "patch.go"},
		suites: []*suite{replicatorTests, simulation},
	},
}

// product are the folders in which markers of named mutants may be, with all that is below them.
var product = []string{"annotations", "cmd", "informers", "replicator"}

const (
	// timeoutFactor is how many times as long as without a mutant the tests of one may take, and minTimeout how long in
	// any case. A mutant that takes longer loops, which counts as noticed.
	timeoutFactor = 8
	minTimeout    = 10 * time.Second
)
