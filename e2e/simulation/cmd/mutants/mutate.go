package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
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

var mutantAlive = func() int { n, _ := strconv.Atoi(os.Getenv("MUTANT")); return n }()

func mutantIs(n int) bool { return n == mutantAlive }

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
	target *target
	number int
	// path and line say where, what says what is changed, and code is the line as it stands.
	path string
	line int
	what string
	code string

	// noticedBy is the package whose tests noticed, or "", and says is what they said.
	noticedBy, says string
}

func (m *mutant) String() string {
	return fmt.Sprintf("%5d %s:%d: %s: %s", m.number, m.path, m.line, m.what, m.code)
}

// insertion is text that goes into a file; those at one place go in by their order.
type insertion struct {
	offset, order int
	text          string
}

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

func parseFile(path string, t *target) (*file, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, path, source, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil {
		return nil, err
	}
	return &file{
		target: t, path: path, source: source, lines: strings.Split(string(source), "\n"), set: set, ast: tree,
	}, nil
}

// add makes a mutant of a piece of the file, and returns its number.
func (f *file) add(n ast.Node, what string) int {
	line := f.set.Position(n.Pos()).Line
	m := &mutant{
		target: f.target, number: f.first + len(f.mutants) + 1, path: f.path, line: line, what: what,
		code: strings.TrimSpace(f.lines[line-1]),
	}
	f.mutants = append(f.mutants, m)
	return m.number
}

// wrap puts text before and after a piece of the file. What is wrapped first goes outside.
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

// text is the file with its mutants in it, all asleep. Each line stays where it was.
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

// mutate finds what to change, numbered from first on.
func (f *file) mutate(first int) {
	f.first = first
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			f.function(fn.Type, fn.Body)
		}
	}
}

func (f *file) function(t *ast.FuncType, body *ast.BlockStmt) {
	var results []ast.Expr
	if t.Results != nil {
		for _, field := range t.Results.List {
			for range max(len(field.Names), 1) {
				results = append(results, field.Type)
			}
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			f.function(n.Type, n.Body)
			return false
		case *ast.BlockStmt:
			f.statements(n.List)
		case *ast.CaseClause:
			f.statements(n.Body)
		case *ast.CommClause:
			f.statements(n.Body)
		case *ast.IfStmt:
			f.condition(n.Cond)
		case *ast.ForStmt:
			if n.Cond != nil {
				f.condition(n.Cond)
			}
		case *ast.SwitchStmt:
			f.cases(n)
		case *ast.BinaryExpr:
			f.binary(n)
		case *ast.ReturnStmt:
			if len(n.Results) == len(results) {
				for i, r := range n.Results {
					f.result(results[i], r)
				}
			}
		}
		return true
	})
}

// condition turns a condition round. One of several parts is changed in its parts.
func (f *file) condition(e ast.Expr) {
	if b, ok := e.(*ast.BinaryExpr); ok && (b.Op == token.LAND || b.Op == token.LOR) {
		return
	}
	f.wrap(e, fmt.Sprintf("mutantNot(%d, ", f.add(e, "negated")), ")")
}

func (f *file) cases(s *ast.SwitchStmt) {
	if s.Tag != nil {
		return
	}
	for _, clause := range s.Body.List {
		if clause, ok := clause.(*ast.CaseClause); ok {
			for _, e := range clause.List {
				f.condition(e)
			}
		}
	}
}

// binary leaves a part of a condition out, or moves a border by one.
func (f *file) binary(b *ast.BinaryExpr) {
	switch b.Op {
	case token.LAND, token.LOR:
		for _, operand := range []ast.Expr{b.X, b.Y} {
			inner := operand
			if p, ok := inner.(*ast.ParenExpr); ok {
				inner = p.X
			}
			if i, ok := inner.(*ast.BinaryExpr); ok && i.Op == b.Op {
				continue // it is one chain, whose parts come by themselves
			}
			form := "(mutantIs(%d) || "
			if b.Op == token.LOR {
				form = "(!mutantIs(%d) && "
			}
			f.wrap(operand, fmt.Sprintf(form+"(", f.add(operand, "left out of "+b.Op.String())), "))")
		}
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		name := map[bool]string{true: "mutantLess", false: "mutantLessOrEqual"}[b.Op == token.LSS || b.Op == token.GEQ]
		n := f.add(b, "border moved")
		// a > b is !(a <= b), and a >= b is !(a < b).
		not := ""
		if b.Op == token.GTR || b.Op == token.GEQ {
			not = "!"
		}
		f.wrap(b, fmt.Sprintf("%s%s(%d, ", not, name, n), ")")
		f.replace(b.OpPos, b.Op.String(), ",")
	case token.SUB:
		f.wrap(b, fmt.Sprintf("mutantMinus(%d, ", f.add(b, "plus for minus")), ")")
		f.replace(b.OpPos, b.Op.String(), ",")
	}
}

// result returns nothing instead of something.
func (f *file) result(declared, r ast.Expr) {
	if id, ok := r.(*ast.Ident); ok && id.Name == "nil" {
		return
	}
	if lit, ok := r.(*ast.BasicLit); ok && (lit.Value == `""` || lit.Value == "0") {
		return
	}
	if lit, ok := r.(*ast.CompositeLit); ok && len(lit.Elts) == 0 {
		return // the zero value already
	}
	kind := string(f.source[f.set.Position(declared.Pos()).Offset:f.set.Position(declared.End()).Offset])
	if kind == "bool" {
		if b, ok := r.(*ast.BinaryExpr); !ok || b.Op != token.LAND && b.Op != token.LOR {
			f.wrap(r, fmt.Sprintf("mutantNot(%d, ", f.add(r, "result turned round")), ")")
		}
		return
	}
	f.wrap(r, fmt.Sprintf("mutantZero[%s](%d, ", kind, f.add(r, "nothing returned")), ")")
}

// statements leaves statements out.
func (f *file) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				continue
			}
		case *ast.ExprStmt:
			if text := string(f.source[f.set.Position(s.Pos()).Offset:f.set.Position(s.End()).Offset]); strings.HasPrefix(
				text, "panic(") || strings.HasPrefix(text, "klog.") {
				continue // it ends a function, or is for people
			}
		case *ast.BranchStmt:
			if s.Tok != token.CONTINUE && s.Tok != token.BREAK {
				continue
			}
		case *ast.IncDecStmt, *ast.SendStmt, *ast.DeferStmt:
		default:
			continue
		}
		f.wrap(s, fmt.Sprintf("if !mutantIs(%d) { ", f.add(s, "left out")), " }")
	}
}
