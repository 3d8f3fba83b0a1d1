package annotations

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// limits bound the time that matching the names of namespaces against one policy takes.
type limits struct {
	// burst is how long a policy may be matched at once.
	burst time.Duration
	// refill is the part of the passing time that is given back: 1/refill.
	refill time.Duration
	// firstPause is how long a policy is not matched that has spent its time. The pause doubles each time, up to
	// maxPause.
	firstPause, maxPause time.Duration
}

// costly is the length of a policy's patterns and plain names from which on matching them has a budget. Matching fewer
// is about as fast as a look-up in the remembered answers.
const costly = 256

// patternKeys hold what is matched against the names of namespaces.
var patternKeys = []string{
	PushTo, PullBy, Exclude, reflectorAllowedList, reflectorAutoList, replicatorTo, replicatorAllowedList,
}

var defaultLimits = limits{
	burst:      time.Second,
	refill:     100,
	firstPause: time.Minute,
	maxPause:   time.Hour,
}

// matchTimeout is how long one expression may take over one name.
func (l limits) matchTimeout() time.Duration { return l.burst / 10 }

// maxCharge is the most that one match costs: its timeout, and as much again because the clock of the library ticks
// only every 100 ms. What took longer was a process that was stopped or starved.
func (l limits) maxCharge() time.Duration { return 2 * l.matchTimeout() }

// budget bounds the time that matching one policy takes: one second at once, and one percent of the time in the long
// run. A policy that has spent its time cannot be matched at all for a minute, then for two, up to an hour. A match
// that runs into its timeout is tried again while there is time left, because the machine may have been slow. What was
// matched once is remembered (see answers) and costs nothing, so each try gets further than the one before.
type budget struct {
	limits
	// keys are the annotations that hold the policy's patterns, for the error.
	keys string

	mu sync.Mutex
	// balance is the time that was left at the time updated.
	balance time.Duration
	updated time.Time
	// err is set while the policy cannot be matched, until the time resume.
	err    error
	resume time.Time
	pause  time.Duration
}

func newBudget(l limits, keys string) *budget {
	return &budget{limits: l, keys: keys, balance: l.burst}
}

// newBudget returns the budget of a policy with these reaches; nil if it has only a few patterns and plain names.
func (p *parser) newBudget(reaches ...*Reach) *budget {
	length := 0
	var keys []string
	for _, key := range patternKeys {
		if p.has(key) {
			length += len(p.annotations[key])
			keys = append(keys, key)
		}
	}
	literal := !slices.ContainsFunc(reaches, func(r *Reach) bool { return !r.isLiteral() })
	if literal && length < costly {
		return nil
	}
	return newBudget(defaultLimits, strings.Join(keys, ", "))
}

// onlyRemembered is a budget on which nothing can be matched, so that only remembered answers are given.
var onlyRemembered = &budget{
	err:    errors.New("not remembered"),
	resume: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
}

// cached returns the remembered answer for a name, or calls ask and remembers its answer. A nil budget only calls ask.
func (b *budget) cached(known *answers, name string, ask func() (bool, error)) (bool, error) {
	if b == nil {
		return ask()
	}
	if answer, ok := known.get(name); ok {
		return answer, nil
	}
	matches, err := ask()
	if err == nil {
		known.put(name, matches)
	}
	return matches, err
}

// spend calls ask, which is one match, and charges the time that it takes. A nil budget only calls ask.
func (b *budget) spend(ask func() (bool, error)) (bool, error) {
	if b == nil {
		return ask()
	}
	for {
		if err := b.frozen(); err != nil {
			return false, err
		}
		begin := time.Now()
		matches, err := ask()
		b.charge(begin, time.Now(), err)
		if err == nil {
			return matches, nil
		}
	}
}

// frozen returns the error that stands until the end of the pause, or nil.
func (b *budget) frozen() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil && !time.Now().Before(b.resume) {
		b.err = nil
	}
	return b.err
}

// charge subtracts the cost of one match, after what has been given back since the last one, and freezes the policy
// when nothing is left. An error that is no timeout would come again, so it freezes the policy at once.
func (b *budget) charge(begin, end time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.updated.IsZero() {
		b.balance = min(b.burst, b.balance+max(0, begin.Sub(b.updated))/b.refill)
	}
	b.updated = end
	cost := min(end.Sub(begin), b.maxCharge())
	if isTimeout(err) {
		cost = max(cost, b.matchTimeout())
	}
	b.balance -= cost
	if b.balance <= 0 || err != nil && !isTimeout(err) {
		b.freeze(end, err)
	}
}

func (b *budget) freeze(now time.Time, err error) {
	if b.err != nil {
		return // another goroutine was first
	}
	if err == nil {
		err = fmt.Errorf("the patterns of %s take too long to match: they may take %s at once and %d %% of the time, "+
			"so write fewer or simpler ones", b.keys, b.burst, 100/b.refill)
	}
	b.pause = min(max(2*b.pause, b.firstPause), b.maxPause)
	b.err, b.resume = err, now.Add(b.pause)
}
