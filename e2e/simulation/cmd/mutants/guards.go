package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// runNamed tries the named mutants, and fails unless a test or a trace notices each that has to be.
func runNamed(ctx context.Context, out io.Writer, b *build, o options) error {
	if err := b.mutateMarked(); err != nil {
		return err
	}
	only := strings.Split(o.only, ",")
	mutants := slices.DeleteFunc(b.mutants, func(m *mutant) bool {
		return o.only != "" && !slices.Contains(only, m.name)
	})
	if len(mutants) == 0 {
		return fmt.Errorf("no mutant is named %q", o.only)
	}
	slices.SortFunc(mutants, func(a, b *mutant) int { return strings.Compare(a.name, b.name) })
	fmt.Fprintf(out, "| guard that is missing | name | first seed | rule that noticed |\n| --- | --- | --- | --- |\n")
	var unnoticed []string
	for _, m := range mutants {
		g := guards[m.name]
		row, ok, err := g.try(ctx, b, m.number, o.seeds)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if !ok {
			unnoticed = append(unnoticed, m.name)
		}
		fmt.Fprintf(out, "| %s | %s | %s |\n", g.title, m.name, row)
	}
	if len(unnoticed) > 0 {
		return fmt.Errorf("nothing notices the absence of: %s", strings.Join(unnoticed, ", "))
	}
	return nil
}

// try runs a guard's test without it and, where that does not notice, traces.
func (g *guard) try(ctx context.Context, b *build, number, seeds int) (row string, ok bool, err error) {
	if g.test != nil {
		noticed, err := g.test.notices(ctx, b, number)
		switch {
		case err != nil:
			return "", false, err
		case noticed:
			return "any | " + g.test.name + " of " + g.test.suite.dir, true, nil
		case len(g.rules) == 0:
			return "any | NOT NOTICED by " + g.test.name, false, nil
		}
	}
	if err := simulation.compileOnce(ctx, b); err != nil {
		return "", false, err
	}
	failed, output, err := simulation.run(ctx, number, "-test.run", "^TestSimulation$", "-seeds", strconv.Itoa(seeds))
	if err != nil {
		return "", false, err
	}
	row, ok = g.verdict(failed, output, seeds)
	return row, ok, nil
}

// notices reports whether a test fails with a mutant. It has to pass without one.
func (r *regression) notices(ctx context.Context, b *build, number int) (bool, error) {
	if err := r.suite.compileOnce(ctx, b); err != nil {
		return false, err
	}
	only := []string{"-test.run", "^" + r.name + "$", "-test.v"}
	switch failed, output, err := r.suite.run(ctx, 0, only...); {
	case err != nil:
		return false, err
	case failed || !strings.Contains(output, "--- PASS: "+r.name):
		return false, fmt.Errorf("the test %s of %s does not pass without a mutant:\n%s", r.name, r.suite.dir, output)
	}
	failed, _, err := r.suite.run(ctx, number, only...)
	return failed, err
}

var failure = regexp.MustCompile(`seed (\d+): (\w+): `)

// verdict returns the last two columns of a guard's row, and whether its absence was noticed or need not be.
func (g *guard) verdict(failed bool, output string, seeds int) (row string, ok bool) {
	seed, rule := "?", ""
	if found := failure.FindStringSubmatch(output); found != nil {
		seed, rule = found[1], found[2]
	} else if failed && strings.Contains(output, "panic:") {
		rule = panicRule
	}
	switch {
	case rule == "" && g.implied != "":
		return fmt.Sprintf("none in %d | implied: %s", seeds, g.implied), true
	case rule == "":
		return fmt.Sprintf("none in %d | NOT NOTICED", seeds), false
	case !slices.Contains(g.rules, rule):
		return fmt.Sprintf("%s | %s (expected: %s)", seed, rule, strings.Join(g.rules, " or ")), true
	}
	return seed + " | " + rule, true
}
