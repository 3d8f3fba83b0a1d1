package annotations

import (
	"errors"
	"fmt"
	"regexp"
	resyntax "regexp/syntax"
	"strings"

	"github.com/dlclark/regexp2/v2"
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

// bothEngines matches the expressions that Go and .NET read alike when they match a whole name: letters, digits, ".",
// "-", simple escapes and classes, each with a repetition; groups; alternatives; "^" and "$". It lets through no other
// "(?" than "(?:", no counts, and no dash inside a class but at its ends and in ranges.
var bothEngines = regexp.MustCompile(`^(?:` +
	`(?:[a-z0-9.)-]|\\[.d-]|\[\^?-?(?:[a-z0-9.](?:-[a-z0-9.])?)+-?\])[*+?]{0,2}` +
	`|\((?:\?:)?|[|^$])*$`)

// expression is one regular expression, which must match a whole name. Without an engine it is a literal name.
type expression struct {
	// key is the annotation that holds it.
	key, text string
	// linear runs the expression in linear time.
	linear *regexp.Regexp
	// dotNet runs it with backtracking.
	dotNet *regexp2.Regexp
}

// match reports whether the expression matches the whole of a name. A string with characters that no namespace's name
// has does not match: on names alone the two engines agree about ".", "$" and case.
func (e *expression) match(name string) (bool, error) {
	if e.literal() {
		return e.text == name, nil
	}
	for i := range len(name) {
		if !isNameByte(name[i]) {
			return false, nil
		}
	}
	if e.linear != nil {
		return e.linear.MatchString(name), nil
	}
	matches, err := runDotNet(e.dotNet, name)
	if err != nil {
		return false, &matchError{expression: e, name: name, cause: err}
	}
	return matches, nil
}

func (e *expression) literal() bool { return e.linear == nil && e.dotNet == nil }

// matchError is the error of an expression that could not be matched against a name.
type matchError struct {
	expression *expression
	name       string
	cause      error
}

func (e *matchError) Error() string {
	return fmt.Sprintf("annotation %s: the regular expression %s took too long on the name %s: "+
		"give it fewer nested repetitions", e.expression.key, clip(e.expression.text), clip(e.name))
}

func (e *matchError) Unwrap() error { return e.cause }

var errPanic = errors.New("the regular expression could not be run")

// isTimeout reports whether a match ran into its timeout, so that it may end in time when it is tried again. The
// library has no type for that error, only for the other one.
func isTimeout(err error) bool {
	return err != nil && !errors.Is(err, errPanic) && !errors.Is(err, regexp2.ErrBacktrackingStackLimit)
}

// runDotNet guards against a panic in the library, which runs what anyone who may annotate an object wrote.
func runDotNet(re *regexp2.Regexp, name string) (matches bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			matches, err = false, errPanic
		}
	}()
	return re.MatchString(name)
}

// expressions reads a comma-separated list of regular expressions. Both peers split at every comma, also at that in
// "{1,3}"; blank entries are skipped.
func (p *parser) expressions(key string, compile func(string) (*expression, error)) []*expression {
	var list []*expression
	for entry := range strings.SplitSeq(p.annotations[key], ",") {
		text := strings.TrimSpace(entry)
		if text == "" {
			continue
		}
		if isLiteral(text) {
			list = append(list, &expression{text: strings.Clone(text)})
			continue
		}
		if p.expressionBytes += len(text); p.expressionBytes > maxExpressions {
			p.problem(key, fmt.Sprintf("has too many regular expressions: at most %d characters of them are compiled "+
				"for an object, not counting names without anything special in them", maxExpressions))
			return nil
		}
		e, err := compile(text)
		if err != nil {
			p.problem(key, err.Error())
			return nil
		}
		e.key = key
		list = append(list, e)
	}
	return list
}

// newDotNet reads an expression of .NET's syntax.
//
// Expressions that bothEngines does not match run in a library whose matches have a timeout. That starts the library's
// clock, a goroutine that goes on for a second and more and keeps the time of its first start for the life of the
// process. A test under testing/synctest has to avoid such expressions: the goroutine would be in its bubble.
func newDotNet(text string) (*expression, error) {
	// By itself first: "a)|(b" is malformed, though not between the parentheses below.
	if _, err := compileDotNet(text); err != nil {
		return nil, malformed(text, err)
	}
	e := &expression{text: strings.Clone(text)}
	if bothEngines.MatchString(text) {
		if re, err := regexp.Compile(`^(?:` + e.text + `)$`); err == nil {
			e.linear = re
			return e, nil
		}
	}
	re, err := compileDotNet(`\A(?:` + e.text + `)\z`)
	if err != nil {
		return nil, malformed(text, err)
	}
	re.MatchTimeout = defaultLimits.matchTimeout()
	e.dotNet = re
	return e, nil
}

func compileDotNet(text string) (re *regexp2.Regexp, err error) {
	defer func() {
		if r := recover(); r != nil {
			re, err = nil, errors.New("it could not be read")
		}
	}()
	return regexp2.Compile(text, regexp2.None)
}

// newRE2 reads an expression of RE2's syntax, Go's own.
func (p *parser) newRE2(text string) (*expression, error) {
	tree, err := resyntax.Parse(text, resyntax.Perl)
	if err != nil {
		return nil, malformed(text, err)
	}
	if p.instructions += instructions(tree); p.instructions > maxInstructions {
		return nil, fmt.Errorf("has the regular expression %s, with which the object's expressions are too large: "+
			"no namespace's name is longer than 63 characters, so high counts of repetition are not needed", clip(text))
	}
	e := &expression{text: strings.Clone(text)}
	re, err := regexp.Compile(`^(?:` + e.text + `)$`)
	if err != nil {
		return nil, malformed(text, err)
	}
	e.linear = re
	return e, nil
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
