// Mutants changes the product in one small place at a time, and reports which changes the tests notice.
//
//	go run ./simulation/cmd/mutants                  systematic mutants of parsers, plan and executor: the mutation score
//	go run ./simulation/cmd/mutants -sample 40       40 of each package, for a quick estimate
//	go run ./simulation/cmd/mutants -named           the named mutants: each takes away a guard that the product marks
//
// All mutants are compiled into one test binary, and an environment variable says which of them is active: so one costs
// a run of the tests and no build. The tree is not touched: the changed files are given to the compiler as an overlay.
//
// Systematic mutants are asked of the unit tests first, and of the simulation where those notice nothing. Named mutants
// are asked of a regression test first, where there is one, and of the simulation where that does not notice.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
)

func main() {
	o := options{}
	flag.IntVar(&o.seeds, "seeds", 0, "how many histories the simulation runs (default 100, with -named 2000)")
	flag.BoolVar(&o.named, "named", false, "try the named mutants, which the product marks")
	flag.StringVar(&o.only, "only", "", "a `folder`: mutate its package only; with -named, names, separated by commas")
	flag.IntVar(&o.sample, "sample", 0, "try `n` mutants of each package, evenly spread, instead of all")
	flag.IntVar(&o.number, "mutant", 0, "try only the mutant of this `number`, and show the tests' output")
	flag.IntVar(&o.parallel, "parallel", 2, "how many mutants to try at a time")
	flag.Parse()
	if o.seeds == 0 {
		o.seeds = map[bool]int{false: 100, true: 2000}[o.named]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

type options struct {
	seeds, sample, number, parallel int
	named                           bool
	only                            string
}

func run(ctx context.Context, out io.Writer, o options) (err error) {
	root, err := repo.Root()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &build{root: root, dir: dir, replace: map[string]string{}}
	if o.named {
		return runNamed(ctx, out, b, o)
	}
	return runSystematic(ctx, out, b, o)
}

func runSystematic(ctx context.Context, out io.Writer, b *build, o options) error {
	known, err := readEquivalents(filepath.Join(b.root, "e2e", "simulation", "cmd", "mutants", "equivalent.txt"))
	if err != nil {
		return err
	}
	if err := b.mutateTargets(); err != nil {
		return err
	}
	mutants := o.choose(b.mutants)
	if len(mutants) == 0 {
		return errors.New("there is no such mutant")
	}
	if err := b.compileSuites(ctx, mutants, o.seeds); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d of %d mutants\n", len(mutants), len(b.mutants))
	if err := tryAll(ctx, mutants, o.parallel); err != nil {
		return err
	}
	return report(out, mutants, known, o)
}

// choose returns the mutants that are asked for.
func (o options) choose(all []*mutant) (chosen []*mutant) {
	packages := map[*target][]*mutant{}
	for _, m := range all {
		packages[m.target] = append(packages[m.target], m)
	}
	for _, t := range targets {
		mutants := packages[t]
		size := len(mutants)
		if o.sample > 0 && o.number == 0 {
			size = min(size, o.sample)
		}
		for i := range size {
			m := mutants[i*len(mutants)/size]
			if (o.only == "" || o.only == t.dir) && (o.number == 0 || o.number == m.number) {
				chosen = append(chosen, m)
			}
		}
	}
	return chosen
}
