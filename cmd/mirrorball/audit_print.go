package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/mirrorball-dev/mirrorball/replicator/inspect"
)

// printSources prints a line a source.
func printSources(out io.Writer, r *inspect.Report, noHeaders bool) error {
	if len(r.Sources) == 0 {
		if !noHeaders {
			fmt.Fprintln(out, "No sources found.")
		}
		return nil
	}
	t := newTable(out, noHeaders, "KIND", "SOURCE", "PHASE", "POLICY", "TARGETS", "IN SYNC", "FINDINGS")
	for i := range r.Sources {
		s := &r.Sources[i]
		t.row(string(s.Kind), s.Namespace+"/"+s.Name, string(s.Phase), dash(s.Policy), fmt.Sprint(len(s.Targets)),
			fmt.Sprint(s.InSync), fmt.Sprint(s.Problems()))
	}
	return t.Flush()
}

// printTargets prints a line for each target and each object that pulls, and for what is attached.
func printTargets(out io.Writer, r *inspect.Report, noHeaders bool) error {
	heading(out, noHeaders, "Targets, and objects that pull:")
	t := newTable(out, noHeaders, "KIND", "SOURCE", "TARGET", "HOW", "STATE", "REASON")
	for _, s := range r.Sources {
		source := s.Namespace + "/" + s.Name
		for _, target := range s.Targets {
			how := "push"
			if target.Pull {
				how = "pull"
			}
			t.row(string(s.Kind), source, target.Namespace+"/"+target.Name, how, string(target.State), dash(target.Reason))
		}
		for _, sa := range s.Attached {
			t.row(string(s.Kind), source, sa, "attach", "Attached", "-")
		}
	}
	return t.Flush()
}

// printFindings prints what a person should know.
func printFindings(out io.Writer, r *inspect.Report, noHeaders, targetsShown bool) error {
	if r.Findings() == 0 {
		return nil
	}
	heading(out, noHeaders, "Findings:")
	t := newTable(out, noHeaders, "OBJECT", "STATE", "REASON")
	for _, p := range r.Problems {
		t.row(p.Object, p.Reason, p.Note)
	}
	for _, c := range r.Copies {
		t.row(c.Object, "Copy", "it has the data of "+c.Source+", and nobody manages it")
	}
	for i := range r.Sources {
		s := &r.Sources[i]
		for _, f := range s.Findings {
			t.row(f.Object, f.Reason, f.Note)
		}
		for n := range s.Targets {
			if target := &s.Targets[n]; target.IsFinding() && !targetsShown {
				t.row(strings.Join([]string{string(s.Kind), target.Namespace + "/" + target.Name}, " "), string(target.State),
					dash(target.Reason))
			}
		}
		if s.Waits != "" {
			t.row(s.String(), "Waits",
				fmt.Sprintf("%d writes in %s, if nothing changes", len(s.Later), s.Waits))
		}
	}
	return t.Flush()
}

func heading(out io.Writer, noHeaders bool, text string) {
	if !noHeaders {
		fmt.Fprintf(out, "\n%s\n", text)
	}
}
