package annotations

import (
	"sync"
	"sync/atomic"
)

// maxNames bounds how many names answers are remembered about, for a number takes about 100 bytes.
const maxNames = 1 << 16

// numbering gives the names of namespaces numbers, so that an answer about one takes two bits in each list of patterns
// or expressions, and not the name.
type numbering struct {
	byName sync.Map // of int
	next   atomic.Int64
}

// numbers is the present numbering. When it is full, all answers are forgotten: namespaces that are gone leave their
// numbers behind.
var numbers atomic.Pointer[numbering]

func currentNumbering() *numbering {
	if current := numbers.Load(); current != nil {
		return current
	}
	numbers.CompareAndSwap(nil, &numbering{})
	return numbers.Load()
}

// find returns the number of a name.
func (x *numbering) find(name string) (number int, ok bool) {
	n, found := x.byName.Load(name)
	if !found {
		return 0, false
	}
	number, ok = n.(int)
	return number, ok
}

// number returns the number of a name, and gives it one where it has none.
func (x *numbering) number(name string) (number int, ok bool) {
	if n, ok := x.find(name); ok {
		return n, true
	}
	next := int(x.next.Add(1)) - 1
	if next >= maxNames {
		return 0, false
	}
	n, _ := x.byName.LoadOrStore(name, next)
	number, ok = n.(int)
	return number, ok
}

// answers remember which names match a list of patterns or expressions. The name of a namespace never changes, so an
// answer holds for ever. The zero value is empty and ready to use, also by several goroutines.
type answers struct {
	mu sync.RWMutex
	// of is the numbering that the bits are in the order of. Of each number, known has whether there is an answer, and
	// matches what it is.
	of             *numbering
	known, matches []uint64
}

func (a *answers) get(name string) (matches, ok bool) {
	current := currentNumbering()
	n, ok := current.find(name)
	if !ok {
		return false, false
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	word, bit := n/64, uint64(1)<<(n%64)
	if a.of != current || word >= len(a.known) || a.known[word]&bit == 0 {
		return false, false
	}
	return a.matches[word]&bit != 0, true
}

// put remembers an answer.
func (a *answers) put(name string, matches bool) {
	current := currentNumbering()
	n, ok := current.number(name)
	if !ok {
		numbers.CompareAndSwap(current, &numbering{})
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of != current {
		a.of, a.known, a.matches = current, nil, nil
	}
	word, bit := n/64, uint64(1)<<(n%64)
	for len(a.known) <= word {
		a.known, a.matches = append(a.known, 0), append(a.matches, 0)
	}
	a.known[word] |= bit
	if matches {
		a.matches[word] |= bit
	}
}

// forget drops all answers.
func (a *answers) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of, a.known, a.matches = nil, nil, nil
}

// answersSize is how many bytes the answers about all namespaces take in one list.
func answersSize() int {
	return 2 * min(int(currentNumbering().next.Load()), maxNames) / 8
}
