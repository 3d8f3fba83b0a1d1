package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// switches are compiled into each mutated package.
const switches = `
import (
	"cmp"
	"os"
	"strconv"
)

var mutantActive = func() int { n, _ := strconv.Atoi(os.Getenv("MUTANT")); return n }()

func mutantIs(n int) bool { return n == mutantActive }

func mutantNot(n int, b bool) bool { return b != mutantIs(n) }

func mutantZero[T any](n int, x T) T {
	if mutantIs(n) {
		var zero T
		return zero
	}
	return x
}

func mutantLess[T cmp.Ordered](n int, a, b T) bool { return a < b || mutantIs(n) && a == b }

func mutantLessOrEqual[T cmp.Ordered](n int, a, b T) bool { return a < b || !mutantIs(n) && a == b }

func mutantMinus[T ~int | ~int64 | ~uint64 | ~float64](n int, a, b T) T {
	if mutantIs(n) {
		return a + b
	}
	return a - b
}

var _ = []any{mutantNot, mutantLess[int], mutantLessOrEqual[int], mutantMinus[int], mutantZero[int]}
`

// mutant is one small change.
type mutant struct {
	// target is nil for a named mutant, and name empty for a systematic one.
	target *target
	name   string
	number int
	// path and line say where, what says how it is changed, and code is the line as it stands.
	path string
	line int
	what string
	code string

	// noticedBy is the folder of the tests that noticed, or "", and output what they wrote.
	noticedBy, output string
}

func (m *mutant) String() string {
	return fmt.Sprintf("%5d %s:%d: %s: %s", m.number, m.path, m.line, m.what, m.code)
}

// insertion is text that goes into a file; those at one place go in by their order.
type insertion struct {
	offset, order int
	text          string
}

// file is a source file that is being mutated.
type file struct {
	target     *target
	path       string
	source     []byte
	lines      []string
	set        *token.FileSet
	ast        *ast.File
	insertions []insertion
	mutants    []*mutant
	first      int
}

// parseFile reads a file, whose path is reported relative to root.
func parseFile(root, path string) (*file, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Rel(root, path); err != nil {
		return nil, err
	}
	return parseSource(filepath.ToSlash(path), source)
}

func parseSource(path string, source []byte) (*file, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, path, source, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil {
		return nil, err
	}
	return &file{
		path: path, source: source, lines: strings.Split(string(source), "\n"), set: set, ast: tree,
	}, nil
}

// add makes a mutant of a node, and returns its number.
func (f *file) add(n ast.Node, what string) int {
	line := f.set.Position(n.Pos()).Line
	m := &mutant{
		target: f.target, number: f.first + len(f.mutants) + 1, path: f.path, line: line, what: what,
		code: strings.TrimSpace(f.lines[line-1]),
	}
	f.mutants = append(f.mutants, m)
	return m.number
}

// wrap puts text before and after a node. What is wrapped first goes outside.
func (f *file) wrap(n ast.Node, before, after string) {
	order := len(f.insertions)
	f.insertions = append(f.insertions,
		insertion{f.set.Position(n.Pos()).Offset, order, before}, insertion{f.set.Position(n.End()).Offset, -order, after})
}

func (f *file) replace(pos token.Pos, old, text string) {
	offset := f.set.Position(pos).Offset
	copy(f.source[offset:], strings.Repeat(" ", len(old)))
	f.insertions = append(f.insertions, insertion{offset, len(f.insertions), text})
}

// text returns the file with its mutants in it, none of them active. Each line stays where it was.
func (f *file) text() []byte {
	slices.SortStableFunc(f.insertions, func(a, b insertion) int {
		return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.order, b.order))
	})
	var out []byte
	from := 0
	for _, i := range f.insertions {
		out = append(out, f.source[from:i.offset]...)
		out = append(out, i.text...)
		from = i.offset
	}
	return append(out, f.source[from:]...)
}
