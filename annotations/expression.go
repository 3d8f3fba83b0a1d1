package annotations

import (
	"errors"
	"fmt"
	"regexp"
	resyntax "regexp/syntax"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
	dotnet "github.com/dlclark/regexp2/v2/syntax"
)

const (
	// matchTimeout is how long one .NET expression may take over one name. The library looks at a clock that ticks
	// every 100 ms, so that it can be 300 ms.
	matchTimeout = 100 * time.Millisecond
	// maxExpressions bounds the length of one object's expressions together, not counting plain names: compiling them
	// costs a thousand times what reading them does.
	maxExpressions = 32 << 10
	// maxInstructions bounds the programs that one object's RE2 expressions compile to: "((x{10}){10}){10}" is short
	// and compiles to a thousand instructions, of some 100 bytes each.
	maxInstructions = 20_000
)

// expression is one regular expression, which must match a whole name.
type expression struct {
	// key is the annotation that it stands in.
	key, text string
	// literal is set where the expression is a name with nothing special in it.
	literal bool
	// linear are the conditions that together say the same as the expression and run in linear time. Every expression
	// of kubernetes-replicator has one, and most of Reflector's have some; see linear.go.
	linear []condition
	// dotNet runs the others, with backtracking.
	dotNet *regexp2.Regexp
}

// condition is a regular expression that a name has to match, or must not.
type condition struct {
	re *regexp.Regexp
	// not turns the condition around.
	not bool
}

// match says whether the expression matches a whole name. What has characters that no namespace's name has is matched
// by nothing: on names alone the two engines agree about ".", "$" and case.
func (e *expression) match(name string) (bool, error) {
	if e.literal {
		return e.text == name, nil
	}
	for i := range len(name) {
		if !isNameByte(name[i]) {
			return false, nil
		}
	}
	if e.dotNet == nil {
		for _, c := range e.linear {
			if c.re.MatchString(name) == c.not {
				return false, nil
			}
		}
		return true, nil
	}
	matches, err := runDotNet(e.dotNet, name)
	if err != nil && !errors.Is(err, regexp2.ErrBacktrackingStackLimit) {
		// The clock is the wall's, and it runs on while a process is stopped or starved. That seldom strikes twice.
		matches, err = runDotNet(e.dotNet, name)
	}
	if err != nil {
		return false, fmt.Errorf("annotation %s: the regular expression %s took too long on the name %s: "+
			"give it fewer nested repetitions", e.key, clip(e.text), clip(name))
	}
	return matches, nil
}

// runDotNet guards against a panic in the library, which runs what anyone who may annotate an object wrote.
func runDotNet(re *regexp2.Regexp, name string) (matches bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			matches, err = false, errors.New("the expression could not be run")
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
			list = append(list, &expression{text: strings.Clone(text), literal: true})
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
// A match with a timeout starts the library's clock, a goroutine that sleeps on for a second and more after the last
// match, and keeps the time of its first start for the life of the process. Under testing/synctest that goroutine would
// be one of the bubble's, on the bubble's clock. So let a test in a bubble use expressions that run linearly: all but
// those with back references, look-around in the middle, atomic groups and the like (linear.go has the list).
func newDotNet(text string) (*expression, error) {
	// By itself first: "a)|(b" is malformed, though not between the parentheses below.
	if _, err := compileDotNet(text); err != nil {
		return nil, malformed(text, err)
	}
	e := &expression{text: strings.Clone(text)}
	if e.linear = linearize(e.text); e.linear != nil {
		return e, nil
	}
	re, err := compileDotNet(`\A(?:` + e.text + `)\z`)
	if err != nil {
		return nil, malformed(text, err)
	}
	re.MatchTimeout = matchTimeout
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
	e.linear = []condition{{re: re}}
	return e, nil
}

// instructions is about how many instructions an expression compiles to, repetitions written out.
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

// malformed says what is wrong with an expression. The libraries' own messages repeat the whole of it, so only their
// codes are used.
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

// isLiteral says that nothing in an expression is special, so that it is the one name that it matches.
func isLiteral(text string) bool {
	for i := range len(text) {
		if !isNamespaceByte(text[i]) {
			return false
		}
	}
	return true
}
