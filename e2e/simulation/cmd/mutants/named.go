package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
)

// A named mutant takes one guard of the controller away. The product marks the guard with a comment on the line before
// it:
//
//	//mutant:accept-from
//	case ns.Accept != nil && !ns.Accept.Match(m.w.Key.Namespace):
//
// The marked node is the if, for, case, return, assignment or field of a literal that begins on the next line. A marker
// says where, and this table how the node changes and what has to notice that.

// change is how a marked node is mutated.
type change uint8

const (
	// becomesFalse and becomesTrue replace a condition, or a result that is a bool.
	becomesFalse change = iota
	becomesTrue
	// becomesZero replaces a value by the zero value of its type.
	becomesZero
	// losesLast leaves the last operand of && or || out of a condition or a result; in parentheses, their last one.
	losesLast
)

// guard is a named mutant.
type guard struct {
	// title says in a few words what the controller does without.
	title  string
	change change
	// test notices without a seed. Where there is none, or it does not notice, traces are run.
	test *regression
	// rules are those by which a trace is expected to notice: panicRule where the controller can't go on.
	rules []string
	// implied says why nothing may come of it; empty where something has to notice.
	implied string
}

// regression is a test of a suite.
type regression struct {
	suite *suite
	name  string
}

func simulated(name string) *regression { return &regression{simulation, name} }

// panicRule stands for a rule where the controller ended with a panic.
const panicRule = "panic"

var guards = map[string]*guard{
	"preconditions-of-delete": {
		title: "UID and resourceVersion of a deletion", change: becomesZero, rules: []string{"stranger", "absent"},
	},
	"version-of-delete": {
		title: "resourceVersion of a deletion", change: becomesZero, rules: []string{"stranger", "absent"},
	},
	"uid-of-delete": {
		title: "UID of a deletion", change: becomesZero, implied: "no two objects have had one resourceVersion",
	},
	"version-of-patch": {
		title: "resourceVersion of a patch", change: becomesZero, rules: []string{"stranger"},
	},
	"live-read": {title: "live read before a removal", change: becomesFalse, rules: []string{"absent", "stranger"}},
	"mirrors-of-others": {
		title: "mirrors of other sources", change: becomesTrue, rules: []string{"stranger"},
	},
	"copies-of-others": {title: "copies of other sources", change: becomesFalse, rules: []string{"stranger"}},
	"strangers": {
		title: "strangers without annotations", change: becomesTrue, rules: []string{panicRule, "stranger"},
	},
	"replicas-of-others": {
		title: "replicas of other sources", change: losesLast, rules: []string{"absent", "stranger"},
	},
	"protection":  {title: "protection of namespaces", change: losesLast, rules: []string{"protected"}},
	"accept-from": {title: "accept-from", change: becomesFalse, rules: []string{"leak", "converged"}},
	"unreadable-accept-from": {
		title: "an accept-from that can't be read", change: losesLast, rules: []string{"absent"},
	},
	"permission-to-pull": {title: "permission to pull", change: becomesFalse, rules: []string{"leak"}},
	"grace":              {title: "the grace", change: becomesZero, rules: []string{"absent", "ownership"}},
	"frozen-holds":       {title: "a frozen source keeps its replicas", change: becomesFalse, rules: []string{"absent"}},
	"policy-and-content": {title: "policy and content of one read", change: becomesFalse, rules: []string{"leak"}},
	"caches-synced": {
		title: "caches synced before work", change: becomesFalse, rules: []string{"absent", "quiet", "stranger", "consent"},
		test: simulated("TestStartBeforeRules"),
	},
	"confirmed-caches": {
		title: "caches confirmed before a removal", change: becomesTrue, rules: []string{"absent"},
		test: simulated("TestStandbyRemoval"),
	},
	"rules-of-standby": {
		title: "live read of the rules before a process that leads writes", change: becomesFalse,
		rules: []string{"consent"}, test: simulated("TestStandbyRules"),
	},
	"fence": {
		title: "the fence around a process that has lost its lease", change: becomesFalse,
		test: &regression{leaseTests, "TestFence"},
	},
	"restore-onto-others": {
		title: "no policy restored onto another's object", change: becomesFalse,
		rules: []string{"stranger", "leak", "protected"},
	},
	"live-rules": {
		title: "live read of the rules before a removal", change: becomesFalse,
		test: &regression{replicatorTests, "TestConfirm"},
	},
	"out-of-reach": {
		title: "the replicas of a source that is out of reach stay", change: becomesFalse,
		test: &regression{replicatorTests, "TestNamespaces"},
	},
	"live-namespace": {
		title: "live read of the namespace before a removal", change: becomesFalse, test: simulated("TestStaleNamespace"),
	},
	"paused-namespace": {
		title: "nothing is written in a paused namespace", change: becomesFalse, rules: []string{"absent", "leak"},
	},
	"paused-source": {
		title: "nothing is done for a paused source", change: becomesFalse, rules: []string{"absent"},
	},
	"stripped-uncovered": {
		title: "a replica without its label is looked at when the one before it is gone", change: becomesFalse,
		rules: []string{"converged", "quiet"}, test: simulated("TestStrippedInPlaceOfReplica"),
	},
	"unreadable-attach-consent": {
		title: "an accept-attach-from that can't be read", change: losesLast,
		test: &regression{planTests, "TestUnreadableAttachConsent"},
	},
	"brake-forgeries": {
		title: "forged replicas do not count for the brake", change: losesLast,
		implied: "the simulation has fewer replicas than the brake tolerates; the tests of package plan notice",
	},
	"brake": {
		title: "the brake on mass removals", change: becomesFalse, test: &regression{planTests, "TestBrake"},
	},
	"reserved-names": {
		title: "reserved names", change: becomesFalse, rules: []string{"consent", "leak"},
		test: &regression{planTests, "TestReservedNames"},
	},
	"fair-events": {
		title: "each namespace has its share of the events", change: becomesFalse,
		test: &regression{eventsTests, "TestQueueIsFair"},
	},
	"size-of-records": {
		title: "the limit on the size of a record", change: becomesFalse,
		test: &regression{replicatorTests, "TestMaxRecordBytes"},
	},
	"number-of-records": {
		title: "the limit on the number of records", change: becomesFalse,
		test: &regression{replicatorTests, "TestMaxRecords"},
	},
	"records-are-forgotten": {
		title: "records go with the last replica", change: becomesFalse, rules: []string{"bounded"},
		test: simulated("TestForgottenRecord"),
	},
	"record-of-present-policy": {
		title: "a record is written of what the source says now", change: becomesFalse,
		test: simulated("TestRecordOfTwoControllers"),
	},
	"backoff-of-every-verb": {
		title: "backoff of every verb", change: becomesFalse, test: &regression{replicatorTests, "TestWritesUndone"},
	},
	"marked-to-be-kept": {
		title: "replicas that are marked to be kept stay", change: becomesZero,
		test: simulated("TestLostRecord"),
	},
	"events-on-strangers": {
		title: "no Warning on an object that says nothing", change: becomesTrue, rules: []string{"stranger"},
		test: simulated("TestEventOnStranger"),
	},
	"right-to-push": {
		title: "the right to push", change: becomesFalse, rules: []string{"consent", "converged"},
	},
	"consent-to-attach": {
		title: "the right to attach, or the namespace's consent", change: becomesTrue,
		rules: []string{"consent", "converged"},
	},
	"right-to-labels": {
		title: "the right to carry over labels of other systems", change: becomesFalse,
		rules: []string{"consent", "converged"},
	},
	"barred-rivals": {
		title: "a senior source without the right keeps nobody out", change: becomesFalse, rules: []string{"converged"},
		test: &regression{planTests, "TestBarredSenior"},
	},
	"seniority": {
		title: "the senior of two sources", change: becomesFalse, rules: []string{"ownership"},
		test: &regression{planTests, "TestFreePlaces"},
	},
	"seniority-through-rotation": {
		title: "a rotated source is as old as its first object", change: becomesFalse, rules: []string{"ownership"},
		test: simulated("TestRotatedSenior"),
	},
	"name-of-a-source": {
		title: "nothing is pushed onto the name of a source that has left", change: becomesFalse,
		rules: []string{"ownership"}, test: simulated("TestNameOfRotated"),
	},
	"place-of-the-recreated": {
		title: "the place of a replica that is made again", change: becomesFalse, rules: []string{"ownership"},
		test: simulated("TestRecreatedPlace"),
	},
	"rivals-of-adoption": {
		title: "no copy is adopted by content where another wants the place", change: becomesFalse,
		rules: []string{"ownership"}, test: &regression{replicatorTests, "TestCheckCopy"},
	},
	"stripped-replicas": {
		title: "replicas whose label was removed", change: becomesTrue,
		rules: []string{"converged"},
	},
	"own-pull-secrets": {
		title: "only pull secrets that nobody named are attached", change: losesLast, rules: []string{"quiet", "endless"},
	},
	"memory-for-policies": {
		title: "the limit on the memory for policies", change: becomesFalse,
		implied: "policies are short in the simulation; TestShares of package informers and TestTrustR5Memory in e2e notice",
	},
	"competitors-pay": {
		title: "no waiting for the patterns of a slow competitor", change: becomesFalse,
		implied: "no pattern is slow in the simulation; TestCompetes of package annotations notices",
	},
	"matching-in-parts": {
		title: "a pass ends when matching takes long", change: becomesFalse,
		implied: "no pattern is slow in the simulation; TestUnfinished of package informers notices",
	},
}

// marker is one comment in the product.
type marker struct {
	name string
	path string
	line int
}

var markerForm = regexp.MustCompile(`^//mutant:([a-z0-9-]+)$`)

// markers are those of a file.
func (f *file) markers() (found []marker) {
	for _, group := range f.ast.Comments {
		for _, c := range group.List {
			if m := markerForm.FindStringSubmatch(c.Text); m != nil {
				found = append(found, marker{name: m[1], path: f.path, line: f.set.Position(c.Pos()).Line})
			}
		}
	}
	return found
}

// productFiles are all files of the product that may have markers.
func productFiles(root string) (files []string, err error) {
	for _, dir := range product {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// mutateNamed makes a mutant of each marker in the file, numbered from first on.
func (f *file) mutateNamed(first int) error {
	f.first = first
	for _, m := range f.markers() {
		g := guards[m.name]
		if g == nil {
			return fmt.Errorf("%s:%d: the table of guards has no %q", m.path, m.line, m.name)
		}
		e := f.marked(m.line + 1)
		if e == nil {
			return fmt.Errorf("%s:%d: %q marks nothing that can be mutated", m.path, m.line, m.name)
		}
		if err := f.apply(m.name, g, e); err != nil {
			return fmt.Errorf("%s:%d: %q: %w", m.path, m.line, m.name, err)
		}
	}
	return nil
}

// marked returns the expression of the first node that begins on a line, or nil.
func (f *file) marked(line int) (e ast.Expr) {
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if n == nil || e != nil {
			return false
		}
		if f.set.Position(n.Pos()).Line != line {
			return true
		}
		e = markable(n)
		return e == nil
	})
	return e
}

func markable(n ast.Node) ast.Expr {
	first := func(list []ast.Expr) ast.Expr {
		if len(list) != 1 {
			return nil
		}
		return list[0]
	}
	switch n := n.(type) {
	case *ast.IfStmt:
		return n.Cond
	case *ast.ForStmt:
		return n.Cond
	case *ast.CaseClause:
		return first(n.List)
	case *ast.ReturnStmt:
		return first(n.Results)
	case *ast.AssignStmt:
		return first(n.Rhs)
	case *ast.KeyValueExpr:
		return n.Value
	}
	return nil
}

func (f *file) apply(name string, g *guard, e ast.Expr) error {
	switch g.change {
	case becomesFalse:
		f.wrap(e, fmt.Sprintf("!mutantIs(%d) && (", f.addNamed(e, name)), ")")
	case becomesTrue:
		f.wrap(e, fmt.Sprintf("mutantIs(%d) || (", f.addNamed(e, name)), ")")
	case becomesZero:
		f.wrap(e, fmt.Sprintf("mutantZero(%d, ", f.addNamed(e, name)), ")")
	case losesLast:
		last, op := lastOperand(e)
		if last == nil {
			return fmt.Errorf("it is no && or ||")
		}
		form := "(mutantIs(%d) || ("
		if op == token.LOR {
			form = "(!mutantIs(%d) && ("
		}
		f.wrap(last, fmt.Sprintf(form, f.addNamed(last, name)), "))")
	}
	return nil
}

// lastOperand returns the last operand of a logical expression and its operator.
func lastOperand(e ast.Expr) (ast.Expr, token.Token) {
	b, ok := e.(*ast.BinaryExpr)
	if !ok || b.Op != token.LAND && b.Op != token.LOR {
		return nil, token.ILLEGAL
	}
	if p, ok := b.Y.(*ast.ParenExpr); ok {
		if inner, op := lastOperand(p.X); inner != nil {
			return inner, op
		}
	}
	return b.Y, b.Op
}

func (f *file) addNamed(n ast.Node, name string) int {
	number := f.add(n, name)
	f.mutants[len(f.mutants)-1].name = name
	return number
}
