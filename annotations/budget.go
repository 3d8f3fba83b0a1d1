package annotations

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// limits bound the time that matching the names of namespaces against one policy takes.
type limits struct {
	rate
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
	rate:       rate{burst: time.Second, refill: 100},
	firstPause: time.Minute,
	maxPause:   time.Hour,
}

// slowMatch is how long a match takes at least that other sources are not made to wait for.
const slowMatch = 5 * time.Millisecond

// matchTimeout is how long one expression may take over one name.
func (l limits) matchTimeout() time.Duration { return l.burst / 10 }

// maxCharge is the most that one match costs: its timeout, and as much again because the clock of the library ticks
// only every 100 ms. What took longer was a process that was stopped or starved.
func (l limits) maxCharge() time.Duration { return 2 * l.matchTimeout() }

// budget bounds the time that matching one policy takes: one second at once, and one percent of the time in the long
// run. A policy that has spent its time cannot be matched at all for a minute, then for two, up to an hour. A match
// that runs into its timeout may be tried again while there is time left, because the machine may have been slow. What
// was matched once is remembered (see answers) and costs nothing, so each try gets further than the one before.
type budget struct {
	limits
	// keys are the annotations that hold the policy's patterns, for the error.
	keys string
	// share is that of the source's namespace; nil if there is none.
	share atomic.Pointer[Share]
	// slow says that one match took so long that no other source is made to wait for the next.
	slow atomic.Bool

	own allowance

	mu sync.Mutex
	// err is set while the policy cannot be matched, until the time resume.
	err    error
	resume time.Time
	pause  time.Duration
}

func newBudget(l limits, keys string) *budget {
	return &budget{limits: l, keys: keys, own: newAllowance(l.rate)}
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

// mayMatch returns the error for which nothing is matched now, or nil.
func (b *budget) mayMatch() error {
	if err := b.frozen(); err != nil {
		return err
	}
	if now := time.Now(); b.share.Load().isSpent(now) {
		b.rest(now)
	}
	return b.frozen()
}

// charge takes the cost of one match from what the policy and the sources of its namespace may spend, and freezes the
// policy when nothing is left. An error that is no timeout would come again, so it freezes the policy at once.
func (b *budget) charge(begin, end time.Time, err error) {
	cost := b.cost(begin, end, err)
	ownLeft, shareLeft := b.own.spend(begin, end, cost), b.share.Load().spend(begin, end, cost)
	switch {
	case !ownLeft || err != nil && !isTimeout(err):
		b.freeze(end, err)
	case !shareLeft:
		b.rest(end)
	}
}

// chargeCompetitor takes the cost of one match on account of another source. It does not freeze the policy: the pass of
// the source itself is to notice that, and then comes back to it.
func (b *budget) chargeCompetitor(begin, end time.Time, err error) {
	cost, share := b.cost(begin, end, err), b.share.Load()
	b.own.spend(begin, end, cost)
	share.spend(begin, end, cost)
	share.spendAsCompetitor(begin, end)
}

// cost is that of one match.
func (b *budget) cost(begin, end time.Time, err error) time.Duration {
	cost := min(end.Sub(begin), b.maxCharge())
	if isTimeout(err) {
		cost = max(cost, b.matchTimeout())
	}
	if cost > slowMatch {
		b.slow.Store(true)
	}
	return cost
}

func (b *budget) freeze(now time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
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

// rest freezes the policy because the sources of its namespace have spent their time together.
func (b *budget) rest(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err, b.resume = b.share.Load().exhausted(), now.Add(b.firstPause)
	}
}
