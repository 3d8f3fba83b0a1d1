package annotations

import (
	"errors"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"weak"

	"github.com/dlclark/regexp2/v2"
)

// program is a compiled regular expression, which must match a whole name. One of the two engines is set.
type program struct {
	// linear runs it in linear time.
	linear *regexp.Regexp
	// dotNet runs it with backtracking.
	dotNet *regexp2.Regexp
}

// match reports whether the program matches the whole of a name. A string with characters that no namespace's name has
// does not match: on names alone the two engines agree about ".", "$" and case.
func (p *program) match(name string) (bool, error) {
	for i := range len(name) {
		if !isNameByte(name[i]) {
			return false, nil
		}
	}
	if p.linear != nil {
		return p.linear.MatchString(name), nil
	}
	return runDotNet(p.dotNet, name)
}

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

// syntax is the one in which an expression is written.
type syntax uint8

const (
	re2Syntax syntax = iota
	dotNetSyntax
)

// compile compiles an expression that was checked before; see checkRE2 and checkDotNet.
func compile(text string, s syntax) (*program, error) {
	if s == re2Syntax || bothEngines.MatchString(text) {
		if re, err := regexp.Compile(`^(?:` + text + `)$`); err == nil {
			return &program{linear: re}, nil
		}
	}
	re, err := compileDotNet(`\A(?:` + text + `)\z`)
	if err != nil {
		return nil, errPanic
	}
	re.MatchTimeout = defaultLimits.matchTimeout()
	return &program{dotNet: re}, nil
}

func compileDotNet(text string) (re *regexp2.Regexp, err error) {
	defer func() {
		if r := recover(); r != nil {
			re, err = nil, errors.New("it could not be read")
		}
	}()
	return regexp2.Compile(text, regexp2.None)
}

// programs are those that any policy refers to. Sources in which the same expression stands share one, and it goes with
// the last of them.
var programs = programCache{of: map[programKey]weak.Pointer[program]{}}

type programKey struct {
	text   string
	syntax syntax
}

// programCache has one program for each key, for as long as a policy refers to it.
type programCache struct {
	mu sync.Mutex
	of map[programKey]weak.Pointer[program]
}

// get returns the program of a key, which is compiled where there is none.
func (x *programCache) get(k programKey) (*program, error) {
	x.mu.Lock()
	p := x.of[k].Value()
	x.mu.Unlock()
	if p != nil {
		return p, nil
	}
	p, err := compile(k.text, k.syntax) // without the lock: it may take milliseconds
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if other := x.of[k].Value(); other != nil {
		return other, nil
	}
	k.text = strings.Clone(k.text) // it is part of a policy's text, which may be gone before the program
	x.of[k] = weak.Make(p)
	runtime.AddCleanup(p, x.forget, k)
	return p, nil
}

// forget drops the key of a program that nobody refers to any more, unless there is a new one.
func (x *programCache) forget(k programKey) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.of[k].Value() == nil {
		delete(x.of, k)
	}
}
