package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// variable names the active mutant, by its number.
const variable = "MUTANT"

// suite is a package's tests.
type suite struct {
	// module and dir are the folders of the module and of the package.
	module, dir string
	// flags are those of the test binary.
	flags []string

	// command runs the tests in the folder cwd, and timeout is how long that may take. They are set by compile.
	command []string
	cwd     string
	timeout time.Duration
}

// compile builds the tests with the mutants in them.
func (s *suite) compile(ctx context.Context, b *build, flags ...string) error {
	binary := filepath.Join(b.dir, strings.ReplaceAll(s.dir, "/", "-")+".test")
	module := filepath.Join(b.root, s.module)
	dir, err := filepath.Rel(module, filepath.Join(b.root, s.dir))
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", b.overlay(), "-o", binary,
		"./"+filepath.ToSlash(dir))
	command.Dir = module
	if text, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the tests of %s: %w\n%s", s.dir, err, text)
	}
	s.command = slices.Concat([]string{binary}, s.flags, flags)
	s.cwd, s.timeout = filepath.Join(b.root, s.dir), time.Hour
	return nil
}

// compileOnce is compile, without flags, for those that were not compiled.
func (s *suite) compileOnce(ctx context.Context, b *build) error {
	if s.command != nil {
		return nil
	}
	return s.compile(ctx, b)
}

// compileSuites compiles the tests that the mutants need, and sees that they pass while none is active.
func (b *build) compileSuites(ctx context.Context, mutants []*mutant, seeds int) error {
	for _, m := range mutants {
		for _, s := range m.target.suites {
			if s.command != nil {
				continue
			}
			var flags []string
			if s == simulation {
				flags = []string{"-seeds", strconv.Itoa(seeds)}
			}
			if err := s.compile(ctx, b, flags...); err != nil {
				return err
			}
			begin := time.Now()
			if failed, text, err := s.run(ctx, 0); err != nil || failed {
				return fmt.Errorf("the tests of %s fail without a mutant: %w\n%s", s.dir, err, text)
			}
			s.timeout = timeoutFactor*time.Since(begin) + minTimeout
		}
	}
	return nil
}

// run runs the tests with a mutant active, or with none. The flags are added to those of the suite.
func (s *suite) run(ctx context.Context, number int, flags ...string) (failed bool, output string, err error) {
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	test := exec.CommandContext(bounded, s.command[0], slices.Concat(s.command[1:], flags)...)
	test.Dir = s.cwd
	test.Env = append(os.Environ(), variable+"="+strconv.Itoa(number))
	text, err := test.CombinedOutput()
	exit := (*exec.ExitError)(nil)
	switch {
	case ctx.Err() != nil:
		return false, "", ctx.Err()
	case err == nil:
		return false, string(text), nil
	case errors.As(err, &exit), bounded.Err() != nil:
		return true, string(text), nil
	}
	return false, "", err
}

// tryAll finds out which tests notice which mutant.
func tryAll(ctx context.Context, mutants []*mutant, parallel int) error {
	done := 0
	defer fmt.Fprintln(os.Stderr)
	return inParallel(mutants, parallel, func(m *mutant) error {
		for _, s := range m.target.suites {
			failed, output, err := s.run(ctx, m.number)
			if err != nil {
				return err
			}
			m.output = output
			if failed {
				m.noticedBy = s.dir
				break
			}
		}
		return nil
	}, func() {
		done++
		fmt.Fprintf(os.Stderr, "\r%d of %d", done, len(mutants))
	})
}

// inParallel calls try for each mutant, some at a time, and after each call done, one at a time.
func inParallel(mutants []*mutant, parallel int, try func(*mutant) error, done func()) error {
	queue := make(chan *mutant)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		failed  error
	)
	for range max(parallel, 1) {
		workers.Go(func() {
			for m := range queue {
				err := try(m)
				mu.Lock()
				failed = errors.Join(failed, err)
				done()
				mu.Unlock()
			}
		})
	}
	for _, m := range mutants {
		queue <- m
	}
	close(queue)
	workers.Wait()
	return failed
}
