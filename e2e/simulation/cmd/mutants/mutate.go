package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

// mutateAll makes the systematic mutants of the file, numbered from first on.
func (f *file) mutateAll(first int) {
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

// condition negates a condition. One of several operands is changed by its operands.
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

// binary leaves an operand of a condition out, or moves a boundary by one.
func (f *file) binary(b *ast.BinaryExpr) {
	switch b.Op {
	case token.LAND, token.LOR:
		for _, operand := range []ast.Expr{b.X, b.Y} {
			inner := operand
			if p, ok := inner.(*ast.ParenExpr); ok {
				inner = p.X
			}
			if i, ok := inner.(*ast.BinaryExpr); ok && i.Op == b.Op {
				continue // one chain, whose operands come one by one
			}
			form := "(mutantIs(%d) || "
			if b.Op == token.LOR {
				form = "(!mutantIs(%d) && "
			}
			f.wrap(operand, fmt.Sprintf(form+"(", f.add(operand, "left out of "+b.Op.String())), "))")
		}
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		name := map[bool]string{true: "mutantLess", false: "mutantLessOrEqual"}[b.Op == token.LSS || b.Op == token.GEQ]
		n := f.add(b, "boundary moved")
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

// result returns the zero value.
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
			f.wrap(r, fmt.Sprintf("mutantNot(%d, ", f.add(r, "result negated")), ")")
		}
		return
	}
	f.wrap(r, fmt.Sprintf("mutantZero[%s](%d, ", kind, f.add(r, "zero value returned")), ")")
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
				continue // it ends a function, or is a log line
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
