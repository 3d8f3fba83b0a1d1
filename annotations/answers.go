package annotations

import "sync"

// maxAnswers bounds how many names are remembered, for a name and its answer take about 40 bytes.
const maxAnswers = 20_000

// answers remember which names match a list of patterns or expressions. The name of a namespace never changes, so an
// answer holds for ever. The zero value is empty and ready to use, also by several goroutines.
type answers struct {
	mu     sync.RWMutex
	byName map[string]bool
}

func (a *answers) get(name string) (matches, ok bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	matches, ok = a.byName[name]
	return matches, ok
}

// put remembers an answer. When there are too many, all are forgotten: namespaces that are gone leave theirs behind.
func (a *answers) put(name string, matches bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byName == nil || len(a.byName) >= maxAnswers {
		a.byName = make(map[string]bool)
	}
	a.byName[name] = matches
}
