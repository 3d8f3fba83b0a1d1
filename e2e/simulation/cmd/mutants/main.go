// Mutants changes the code that decides and parses, one small change at a time, and shows which changes the tests
// notice.
//
// All mutants of a package are compiled into one test binary, and an environment variable says which of them is alive:
// so one costs a run of the tests and no build. The tree is not touched: the changed files are given to the compiler as
// an overlay.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// variable names the mutant that is alive.
	variable = "MUTANT"
	// patience is how many times as long as without a mutant the tests of one may take, and leastTime how long in any
	// case; one that takes longer loops, which is noticed too.
	patience  = 8
	leastTime = 10 * time.Second
	// simulation is the package of the simulated histories, which decide where unit tests don't.
	simulation = "./replicator/simulation"
)

// target is a package that is mutated.
type target struct {
	dir string
	// files are those that are mutated, by a pattern.
	files []string
	// tests are the packages whose tests may notice, in the order in which they are asked.
	tests []string
}

var targets = []target{
	{dir: "annotations", files: []string{"*.go"}, tests: []string{"./annotations"}},
	{dir: "replicator/plan", files: []string{"*.go"}, tests: []string{"./replicator/plan", simulation}},
	{
		dir: "replicator", files: []string{"apply.go", "desired.go", "patch.go"},
		tests: []string{"./replicator", simulation},
	},
}

func main() {
	o := options{}
	flag.IntVar(&o.seeds, "seeds", 100, "how many histories to try where the unit tests notice nothing")
	flag.IntVar(&o.every, "every", 1, "try only each `n`-th mutant")
	flag.StringVar(&o.only, "only", "", "a `folder`: mutate its package only")
	flag.IntVar(&o.one, "mutant", 0, "try only the mutant of this `number`, and show what the tests say")
	flag.IntVar(&o.parallel, "parallel", 2, "how many mutants to try at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

type options struct {
	seeds, every, one, parallel int
	only                        string
}

func run(ctx context.Context, out io.Writer, o options) (err error) {
	known, err := readEquivalents("replicator/simulation/cmd/mutants/equivalent.txt")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	mutants, overlay, err := mutate(dir)
	if err != nil {
		return err
	}
	if mutants = o.choose(mutants); len(mutants) == 0 {
		return errors.New("there is no such mutant")
	}
	suites, err := buildTests(ctx, dir, overlay, o.seeds, mutants)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d mutants\n", len(mutants))
	if err := tryAll(ctx, mutants, suites, o.parallel); err != nil {
		return err
	}
	return report(out, mutants, known, o)
}

// choose leaves those that are asked for.
func (o options) choose(all []*mutant) []*mutant {
	return slices.DeleteFunc(all, func(m *mutant) bool {
		return o.only != "" && m.target.dir != o.only || o.one != 0 && m.number != o.one ||
			o.one == 0 && m.number%o.every != 0
	})
}

// mutate writes the changed files, and what tells the compiler to take them.
func mutate(dir string) (all []*mutant, overlay string, err error) {
	replace := map[string]string{}
	add := func(original string, text []byte) error {
		path, err := filepath.Abs(original)
		if err != nil {
			return err
		}
		changed := filepath.Join(dir, strconv.Itoa(len(replace))+".go")
		replace[path] = changed
		return os.WriteFile(changed, text, 0o600)
	}
	for i := range targets {
		t := &targets[i]
		name := ""
		for _, pattern := range t.files {
			files, err := filepath.Glob(filepath.Join(t.dir, pattern))
			if err != nil {
				return nil, "", err
			}
			for _, path := range files {
				if strings.HasSuffix(path, "_test.go") {
					continue
				}
				f, err := parseFile(path, t)
				if err != nil {
					return nil, "", err
				}
				name = f.ast.Name.Name
				f.mutate(len(all))
				if len(f.mutants) == 0 {
					continue
				}
				all = append(all, f.mutants...)
				if err := add(path, f.text()); err != nil {
					return nil, "", err
				}
			}
		}
		if err := add(filepath.Join(t.dir, "mutants.go"), []byte("package "+name+"\n"+switches)); err != nil {
			return nil, "", err
		}
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return nil, "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return all, overlay, os.WriteFile(overlay, list, 0o600)
}

// suite is a package's tests, compiled.
type suite struct {
	dir     string
	command []string
	// bound is how long they may take.
	bound time.Duration
}

// buildTests compiles the tests that are needed, and sees that they pass while no mutant is alive.
func buildTests(
	ctx context.Context, dir, overlay string, seeds int, mutants []*mutant,
) (map[string]*suite, error) {
	suites := map[string]*suite{}
	for _, m := range mutants {
		for _, tests := range m.target.tests {
			if suites[tests] != nil {
				continue
			}
			binary := filepath.Join(dir, strings.ReplaceAll(tests, "/", "-")+".test")
			build := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, tests)
			if text, err := build.CombinedOutput(); err != nil {
				return nil, fmt.Errorf("build %s: %w\n%s", tests, err, text)
			}
			s := &suite{dir: tests, command: []string{binary, "-test.failfast"}, bound: 10 * time.Minute}
			if tests == "./annotations" {
				s.command = append(s.command, "-rapid.nofailfile", "-rapid.shrinktime=0s")
			}
			if tests == simulation {
				s.command = append(s.command, "-seeds", strconv.Itoa(seeds), "-stop")
			}
			begin := time.Now()
			if noticed, text, err := s.try(ctx, 0); err != nil || noticed {
				return nil, fmt.Errorf("%s fails without a mutant: %w\n%s", tests, err, text)
			}
			s.bound = patience*time.Since(begin) + leastTime
			suites[tests] = s
		}
	}
	return suites, nil
}

// tryAll finds out who notices which mutant.
func tryAll(ctx context.Context, mutants []*mutant, suites map[string]*suite, parallel int) error {
	queue := make(chan *mutant)
	defer fmt.Fprintln(os.Stderr)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		failed  error
	)
	for range max(parallel, 1) {
		workers.Go(func() {
			for m := range queue {
				for _, name := range m.target.tests {
					noticed, text, err := suites[name].try(ctx, m.number)
					if err != nil {
						mu.Lock()
						failed = errors.Join(failed, err)
						mu.Unlock()
					}
					m.says = text
					if noticed {
						m.noticedBy = name
						break
					}
				}
			}
		})
	}
	for i, m := range mutants {
		queue <- m
		fmt.Fprintf(os.Stderr, "\r%d of %d", i+1, len(mutants))
	}
	close(queue)
	workers.Wait()
	return failed
}

// try runs the tests with a mutant alive, or none.
func (s *suite) try(ctx context.Context, number int) (noticed bool, text string, err error) {
	bounded, cancel := context.WithTimeout(ctx, s.bound)
	defer cancel()
	test := exec.CommandContext(bounded, s.command[0], s.command[1:]...)
	test.Dir = s.dir
	test.Env = append(os.Environ(), variable+"="+strconv.Itoa(number))
	output, err := test.CombinedOutput()
	exit := (*exec.ExitError)(nil)
	switch {
	case ctx.Err() != nil:
		return false, "", ctx.Err()
	case err == nil:
		return false, string(output), nil
	case errors.As(err, &exit), bounded.Err() != nil:
		return true, string(output), nil
	}
	return false, "", err
}

// report tells what survived, and the score.
func report(out io.Writer, mutants []*mutant, known []*equivalent, o options) error {
	type score struct{ noticed, equivalent, all int }
	scores := map[string]*score{}
	var survivors []*mutant
	for _, m := range mutants {
		s := scores[m.target.dir]
		if s == nil {
			s = &score{}
			scores[m.target.dir] = s
		}
		s.all++
		switch {
		case m.noticedBy != "":
			s.noticed++
			for _, e := range known {
				if e.is(m) {
					fmt.Fprintf(out, "%s is noticed by %s, though it is said to be equivalent\n", m, m.noticedBy)
				}
			}
		case slices.ContainsFunc(known, func(e *equivalent) bool { return e.is(m) }):
			s.equivalent++
		default:
			survivors = append(survivors, m)
		}
	}
	if o.one != 0 {
		fmt.Fprintf(out, "%s\n%s\n", mutants[0], mutants[0].says)
	}
	if len(survivors) > 0 {
		fmt.Fprintln(out, "\nsurvivors:")
	}
	for _, m := range survivors {
		fmt.Fprintln(out, m)
	}
	fmt.Fprintf(out, "\n| package | mutants | equivalent | noticed | score |\n| --- | --- | --- | --- | --- |\n")
	for _, t := range targets {
		if s := scores[t.dir]; s != nil {
			fmt.Fprintf(out, "| %s | %d | %d | %d | %.1f %% |\n", t.dir, s.all, s.equivalent, s.noticed,
				100*float64(s.noticed)/float64(max(s.all-s.equivalent, 1)))
		}
	}
	if o.one == 0 && o.every == 1 && o.only == "" {
		return unused(known)
	}
	return nil
}
