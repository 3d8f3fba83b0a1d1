package annotations

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Anyone who may annotate an object says what is matched against every namespace of the cluster. One match has its
// timeout, but ten thousand that each stay below it would hold up a worker for minutes, and again on every pass.
const (
	// matchAllowance is how long the matching of one namespace may take, on average.
	matchAllowance = 500 * time.Microsecond * slowness
	// matchCredit is by how much a policy's matches may exceed their allowances, one after the other. Time in which the
	// policy is not matched pays off as much: that is between two passes.
	matchCredit = 2 * time.Second * slowness
	// firstPause is how long a policy is not matched that has exceeded its budget for the first time, and maxPause the
	// most that this grows to, twice as long each time. It may have been the machine that was slow.
	firstPause = time.Minute
	maxPause   = time.Hour
	// maxCharge is the most that one match counts for: the clock is the wall's, and it runs on while a process is
	// stopped or starved.
	maxCharge = 200 * time.Millisecond * slowness
	// costly is the length of patterns and expressions, repetitions written out, from which on the time is watched. A
	// few KiB of them, unless they are run with backtracking, take less than the allowance whatever the name.
	costly = 4 << 10
)

// patternKeys hold what is matched against the names of namespaces.
var patternKeys = []string{
	PushTo, PullBy, Exclude, reflectorAllowedList, reflectorAutoList, replicatorTo, replicatorAllowedList,
}

// budget bounds the time that the matching of one policy takes. A policy that has exceeded it can't be matched for a
// while.
type budget struct {
	keys string

	mu sync.Mutex
	// debt is by how much the matches so far have exceeded their allowances, and last when the last of them ended.
	debt time.Duration
	last time.Time
	err  error
	// pause is how long the error stands after the last match.
	pause time.Duration
}

// newBudget is nil where matching the policy can't take long.
func (p *parser) newBudget(reaches ...*Reach) *budget {
	length := p.instructions
	var keys []string
	for _, key := range patternKeys {
		if p.has(key) {
			length += len(p.annotations[key])
			keys = append(keys, key)
		}
	}
	backtracks := false
	for _, r := range reaches {
		backtracks = backtracks || r.backtracks()
	}
	if !backtracks && length < costly {
		return nil
	}
	return &budget{keys: strings.Join(keys, ", ")}
}

// match runs one match on the budget. What has failed is not tried for each other namespace: it would take as long
// again.
func (b *budget) match(do func() (bool, error)) (bool, error) {
	begin := time.Now()
	if err := b.exceeded(begin); err != nil {
		return false, err
	}
	matches, err := do()
	if err := b.charge(begin, time.Since(begin), err); err != nil {
		return false, err
	}
	return matches, nil
}

func (b *budget) exceeded(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil && now.Sub(b.last) > b.pause {
		b.err, b.debt = nil, 0
	}
	return b.err
}

func (b *budget) charge(begin time.Time, took time.Duration, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if idle := begin.Sub(b.last); !b.last.IsZero() && idle > 0 {
		b.debt = max(0, b.debt-idle)
	}
	b.last = begin.Add(took)
	b.debt = max(0, b.debt+min(took, maxCharge)-matchAllowance)
	switch {
	case b.err != nil:
		return b.err
	case err != nil:
		b.err = err
	case b.debt > matchCredit:
		b.err = fmt.Errorf("the patterns of %s take too long to match: they may take %s a namespace, "+
			"so write fewer or simpler ones", b.keys, matchAllowance)
	default:
		return nil
	}
	b.pause = min(max(2*b.pause, firstPause), maxPause)
	return b.err
}
