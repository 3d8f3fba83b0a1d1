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

// runNamed tries the named mutants, and fails unless the simulation notices each that it has to.
func runNamed(ctx context.Context, out io.Writer, b *build, o options) error {
	if err := b.mutateMarked(); err != nil {
		return err
	}
	mutants := slices.DeleteFunc(b.mutants, func(m *mutant) bool { return o.only != "" && o.only != m.name })
	if len(mutants) == 0 {
		return fmt.Errorf("no mutant is named %q", o.only)
	}
	slices.SortFunc(mutants, func(a, b *mutant) int { return strings.Compare(a.name, b.name) })
	if err := simulation.compile(ctx, b, "-test.run", "^TestSimulation$", "-seeds", strconv.Itoa(o.seeds)); err != nil {
		return err
	}
	fmt.Fprintf(out, "| guard that is missing | name | first seed | rule that noticed |\n| --- | --- | --- | --- |\n")
	var unnoticed []string
	for _, m := range mutants {
		failed, output, err := simulation.run(ctx, m.number)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		g := guards[m.name]
		row, ok := g.verdict(failed, output, o.seeds)
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
