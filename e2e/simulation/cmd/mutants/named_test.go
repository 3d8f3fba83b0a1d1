package main

import (
	"strings"
	"testing"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
)

func TestMarkers(t *testing.T) {
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := productFiles(root)
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for _, path := range files {
		f, err := parseFile(root, path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range f.markers() {
			times[m.name]++
		}
		if err := f.mutateNamed(0); err != nil {
			t.Error(err) // a marker that the table does not have, or that marks nothing
		}
	}
	for name, g := range guards {
		t.Run(name, func(t *testing.T) {
			if times[name] != 1 {
				t.Errorf("the product has %d markers of this name, want one", times[name])
			}
			if (g.implied == "") != (len(g.rules) > 0 || g.test != nil) {
				t.Error("want either a test or rules that notice it, or why nothing may")
			}
		})
	}
}

func TestMarkedNodes(t *testing.T) {
	for name, tc := range map[string]struct {
		change       change
		source, want string
	}{
		"an if that becomes false": {becomesFalse,
			"\tif a {\n\t}", "\tif !mutantIs(1) && (a) {\n\t}"},
		"a for that becomes false": {becomesFalse,
			"\tfor a {\n\t}", "\tfor !mutantIs(1) && (a) {\n\t}"},
		"a result that becomes true": {becomesTrue,
			"\treturn a == b", "\treturn mutantIs(1) || (a == b)"},
		"an assignment that becomes zero": {becomesZero,
			"\tx = y.Sub(z)", "\tx = mutantZero(1, y.Sub(z))"},
		"a case that loses its last operand": {losesLast,
			"\tcase a && b && c:", "\tcase a && b && (mutantIs(1) || (c)):"},
		"a result that loses the last operand of its parentheses": {losesLast,
			"\treturn a && (b || c && d)", "\treturn a && (b || (!mutantIs(1) && (c && d)))"},
	} {
		t.Run(name, func(t *testing.T) {
			body := "\t//mutant:x\n" + tc.source
			if tc.source[:5] == "\tcase" {
				body = "\tswitch {\n" + body + "\n\t}"
			}
			f, err := parseSource("x.go", []byte("package p\n\nfunc f() bool {\n"+body+"\n}\n"))
			if err != nil {
				t.Fatal(err)
			}
			e := f.marked(f.markers()[0].line + 1)
			if e == nil {
				t.Fatal("nothing is marked")
			}
			if err := f.apply("x", &guard{change: tc.change}, e); err != nil {
				t.Fatal(err)
			}
			if got := string(f.text()); !strings.Contains(got, tc.want) {
				t.Errorf("got:\n%s\nwant in it:\n%s", got, tc.want)
			}
		})
	}
}
