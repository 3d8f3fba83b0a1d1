package annotations

import (
	"errors"
	"regexp"
	"runtime"
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

// compile compiles an expression that was checked before; see newRE2 and newDotNet.
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
var programs = interned[programKey, program]{of: map[programKey]weak.Pointer[program]{}}

type programKey struct {
	text   string
	syntax syntax
}

// interned holds one value for each key, for as long as somebody else refers to it.
type interned[K comparable, V any] struct {
	mu sync.Mutex
	of map[K]weak.Pointer[V]
}

// get returns the value of a key, which is made where there is none.
func (x *interned[K, V]) get(k K, newValue func() (*V, error)) (*V, error) {
	x.mu.Lock()
	v := x.of[k].Value()
	x.mu.Unlock()
	if v != nil {
		return v, nil
	}
	v, err := newValue() // without the lock: it may take milliseconds
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if other := x.of[k].Value(); other != nil {
		return other, nil
	}
	x.of[k] = weak.Make(v)
	runtime.AddCleanup(v, x.forget, k)
	return v, nil
}

// forget drops the key of a value that nobody refers to any more, unless there is a new one.
func (x *interned[K, V]) forget(k K) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.of[k].Value() == nil {
		delete(x.of, k)
	}
}
