package annotations

import (
	"errors"
	"fmt"
	"iter"
	"regexp"
	resyntax "regexp/syntax"
	"strings"
	"sync/atomic"

	dotnet "github.com/dlclark/regexp2/v2/syntax"
)

const (
	// maxExpressions bounds the length of one object's expressions together, not counting plain names: compiling them
	// costs a thousand times what reading them does.
	maxExpressions = 32 << 10
	// maxInstructions bounds the programs that one object's RE2 expressions compile to: "((x{10}){10}){10}" is short
	// and compiles to a thousand instructions, of some 100 bytes each.
	maxInstructions = 20_000
)

// Bytes of memory that a program takes at the most, as measured: in all, for each instruction of Go's engine, and for
// each character of an expression that runs in the other one.
const (
	programBytes     = 4 << 10
	instructionBytes = 100
	characterBytes   = 64
)

// largeProgram is how many bytes a program takes at least that is counted once for all sources of a namespace. That the
// others are shared, too, is not worth the book-keeping.
const largeProgram = 64 << 10

// bothEngines matches the expressions that Go and .NET read alike when they match a whole name: letters, digits, ".",
// "-", simple escapes and classes, each with a repetition; groups; alternatives; "^" and "$". It lets through no other
// "(?" than "(?:", no counts, and no dash inside a class but at its ends and in ranges.
var bothEngines = regexp.MustCompile(`^(?:` +
	`(?:[a-z0-9.)-]|\\[.d-]|\[\^?-?(?:[a-z0-9.](?:-[a-z0-9.])?)+-?\])[*+?]{0,2}` +
	`|\((?:\?:)?|[|^$])*$`)

// expressions are the regular expressions of one annotation. They are checked when they are read, and compiled when the
// first name is matched: what is only compared, refused or suspended costs no more than its text.
type expressions struct {
	// key is the annotation that holds them.
	key    string
	syntax syntax
	// text are the expressions, separated by commas, without white space and empty entries.
	text string
	// size is about how many bytes their programs take, each once, but for the large ones, of which it is said singly.
	size  int
	large map[string]int
	// compiled are the programs of those that are no plain names, in order; nil where they have to be compiled.
	compiled atomic.Pointer[[]*program]
}

func (x *expressions) empty() bool { return x == nil || x.text == "" }

func (x *expressions) all() iter.Seq[string] {
	if x.empty() {
		return func(func(string) bool) {}
	}
	return strings.SplitSeq(x.text, ",")
}

// match reports whether an expression matches the whole of a name. Each spends its time by itself: there may be
// thousands of them.
func (x *expressions) match(name string, m meter) (bool, error) {
	next := 0
	for text := range x.all() {
		program := -1
		if !isLiteral(text) {
			program, next = next, next+1
		}
		matches, err := m.spend(func() (bool, error) {
			if program < 0 {
				return text == name, nil
			}
			return x.run(program, text, name)
		})
		if err != nil || matches {
			return matches, err
		}
	}
	return false, nil
}

// run matches the program at an index, which is that of the expression text.
func (x *expressions) run(index int, text, name string) (bool, error) {
	programs, err := x.programs()
	if err != nil {
		return false, &matchError{expressions: x, text: text, name: name, cause: err}
	}
	matches, err := programs[index].match(name)
	if err != nil {
		return false, &matchError{expressions: x, text: text, name: name, cause: err}
	}
	return matches, nil
}

// programs compiles the expressions, unless they are compiled.
func (x *expressions) programs() ([]*program, error) {
	if compiled := x.compiled.Load(); compiled != nil {
		return *compiled, nil
	}
	var list []*program
	for text := range x.all() {
		if isLiteral(text) {
			continue
		}
		p, err := programs.get(programKey{text, x.syntax})
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	x.compiled.Store(&list)
	return list, nil
}

// release drops what is compiled.
func (x *expressions) release() {
	if x != nil {
		x.compiled.Store(nil)
	}
}

// equal reports whether the same expressions were written, in the same order.
func (x *expressions) equal(other *expressions) bool {
	if x.empty() || other.empty() {
		return x.empty() && other.empty()
	}
	return x.text == other.text && x.syntax == other.syntax
}

// isLiteral reports whether all of them are plain names.
func (x *expressions) isLiteral() bool {
	for text := range x.all() {
		if !isLiteral(text) {
			return false
		}
	}
	return true
}

// matchError is the error of an expression that could not be matched against a name.
type matchError struct {
	expressions *expressions
	text, name  string
	cause       error
}

func (e *matchError) Error() string {
	return fmt.Sprintf("annotation %s: the regular expression %s took too long on the name %s: "+
		"give it fewer nested repetitions", e.expressions.key, clip(e.text), clip(e.name))
}

func (e *matchError) Unwrap() error { return e.cause }

// expressions reads a comma-separated list of regular expressions. Both peers split at every comma, also at that in
// "{1,3}"; blank entries are skipped.
func (p *parser) expressions(key string, s syntax) *expressions {
	x := &expressions{key: key, syntax: s}
	var b strings.Builder
	seen := map[string]bool{}
	for entry := range strings.SplitSeq(p.annotations[key], ",") {
		text := strings.TrimSpace(entry)
		if text == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(text)
		if isLiteral(text) {
			continue
		}
		if p.expressionBytes += len(text); p.expressionBytes > maxExpressions {
			p.problem(key, fmt.Sprintf("has too many regular expressions: at most %d characters of them are compiled "+
				"for an object, not counting names without anything special in them", maxExpressions))
			return nil
		}
		size, err := p.check(text, s)
		if err != nil {
			p.problem(key, err.Error())
			return nil
		}
		x.add(text, size, seen)
	}
	x.text = b.String()
	return x
}

// add counts the program of an expression, unless it was seen before.
func (x *expressions) add(text string, size int, seen map[string]bool) {
	switch {
	case seen[text]:
		return
	case size < largeProgram:
		x.size += size
	default:
		if x.large == nil {
			x.large = map[string]int{}
		}
		x.large[strings.Clone(text)] = size // not the annotation that it is part of
	}
	seen[text] = true
}

// check reports an error where an expression is malformed, and returns about how many bytes it takes when compiled.
func (p *parser) check(text string, s syntax) (size int, err error) {
	if s == re2Syntax {
		return p.checkRE2(text)
	}
	return checkDotNet(text)
}

// checkDotNet reads an expression of .NET's syntax.
//
// Expressions that bothEngines does not match run in a library whose matches have a timeout. That starts the library's
// clock, a goroutine that goes on for a second and more and keeps the time of its first start for the life of the
// process. A test under testing/synctest has to avoid such expressions: the goroutine would be in its bubble.
func checkDotNet(text string) (size int, err error) {
	// By itself first: "a)|(b" is malformed, though not between the parentheses that it is compiled in.
	for _, form := range []string{text, `\A(?:` + text + `)\z`} {
		if err := parseDotNet(form); err != nil {
			return 0, malformed(text, err)
		}
	}
	return programBytes + characterBytes*len(text), nil
}

func parseDotNet(text string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("it could not be read")
		}
	}()
	tree, err := dotnet.Parse(text, dotnet.ParseOptions{})
	if err == nil {
		_, err = dotnet.Write(tree)
	}
	return err
}

// checkRE2 reads an expression of RE2's syntax, Go's own.
func (p *parser) checkRE2(text string) (size int, err error) {
	tree, err := resyntax.Parse(text, resyntax.Perl)
	if err != nil {
		return 0, malformed(text, err)
	}
	n := instructions(tree)
	if p.instructions += n; p.instructions > maxInstructions {
		return 0, fmt.Errorf("has the regular expression %s, with which the object's expressions are too large: "+
			"no namespace's name is longer than 63 characters, so high counts of repetition are not needed", clip(text))
	}
	return programBytes + instructionBytes*n, nil
}

// instructions returns about how many instructions an expression compiles to, repetitions written out.
func instructions(tree *resyntax.Regexp) int {
	n := 1 + len(tree.Rune)
	for _, sub := range tree.Sub {
		n += instructions(sub)
	}
	if tree.Op == resyntax.OpRepeat {
		n *= max(tree.Min, tree.Max, 1)
	}
	return n
}

// malformed returns an error that says what is wrong with an expression. The libraries' own messages repeat the whole
// of it, so only their codes are used.
func malformed(text string, err error) error {
	reason := err.Error()
	if e, ok := errors.AsType[*resyntax.Error](err); ok {
		reason = string(e.Code)
		if e.Code == resyntax.ErrInvalidPerlOp {
			reason += " (RE2 has no look-around; write the names out, or use mirrorball.dev/exclude)"
		}
	}
	if e, ok := errors.AsType[*dotnet.Error](err); ok {
		reason = fmt.Sprintf(e.Code.String(), e.Args...)
	}
	return fmt.Errorf("has the malformed regular expression %s: %s", clip(text), escape(reason))
}

// isLiteral reports whether an expression has no special character, so that it matches only the name that it is.
func isLiteral(text string) bool {
	for i := range len(text) {
		if !isNamespaceByte(text[i]) {
			return false
		}
	}
	return true
}
