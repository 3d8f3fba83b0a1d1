package main

import (
	"fmt"
	"io"
	"slices"
)

// score counts the systematic mutants of a package.
type score struct{ noticed, equivalent, all int }

func (s *score) percent() float64 {
	return 100 * float64(s.noticed) / float64(max(s.all-s.equivalent, 1))
}

// report prints what was not noticed, and the scores.
func report(out io.Writer, mutants []*mutant, known []*equivalent, o options) error {
	scores := map[*target]*score{}
	var survivors []*mutant
	for _, m := range mutants {
		s := scores[m.target]
		if s == nil {
			s = &score{}
			scores[m.target] = s
		}
		s.all++
		isEquivalent := slices.ContainsFunc(known, func(e *equivalent) bool { return e.is(m) })
		switch {
		case m.noticedBy != "":
			s.noticed++
			if isEquivalent {
				fmt.Fprintf(out, "%s is noticed by %s, though the list says that it is equivalent\n", m, m.noticedBy)
			}
		case isEquivalent:
			s.equivalent++
		default:
			survivors = append(survivors, m)
		}
	}
	if o.number != 0 {
		fmt.Fprintf(out, "%s\n%s\n", mutants[0], mutants[0].output)
	}
	if len(survivors) > 0 {
		fmt.Fprintln(out, "\nnot noticed:")
	}
	for _, m := range survivors {
		fmt.Fprintln(out, m)
	}
	fmt.Fprintf(out, "\n| package | mutants | equivalent | noticed | score |\n| --- | --- | --- | --- | --- |\n")
	for _, t := range targets {
		if s := scores[t]; s != nil {
			fmt.Fprintf(out, "| %s | %d | %d | %d | %.1f %% |\n", t.dir, s.all, s.equivalent, s.noticed, s.percent())
		}
	}
	if o.number == 0 && o.sample == 0 && o.only == "" {
		return unused(known)
	}
	return nil
}
