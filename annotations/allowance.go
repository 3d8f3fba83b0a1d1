package annotations

import (
	"sync"
	"time"
)

// rate is time that may be spent.
type rate struct {
	// burst is how much may be spent at once.
	burst time.Duration
	// refill is the part of the passing time that is given back: 1/refill.
	refill time.Duration
}

// allowance is what is left of the time that may be spent at a rate.
type allowance struct {
	rate

	mu sync.Mutex
	// balance is the time that was left at the time updated.
	balance time.Duration
	updated time.Time
}

func newAllowance(r rate) allowance { return allowance{rate: r, balance: r.burst} }

// spend subtracts a cost that arose between two times, after what has been given back since the last one, and reports
// whether anything is left.
func (a *allowance) spend(begin, end time.Time, cost time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.giveBack(begin)
	a.updated = end
	a.balance -= cost
	return a.balance > 0
}

// isSpent reports whether nothing is left.
func (a *allowance) isSpent(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.giveBack(now)
	return a.balance <= 0
}

// isFull reports whether all that was spent has been given back.
func (a *allowance) isFull(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.giveBack(now)
	return a.balance == a.burst
}

func (a *allowance) giveBack(now time.Time) {
	if a.updated.IsZero() {
		a.updated = now
	}
	if back := now.Sub(a.updated) / a.refill; back > 0 {
		a.balance, a.updated = min(a.burst, a.balance+back), now
	}
}
