package annotations

import (
	"fmt"
	"time"
)

// Share is the time that the sources of one namespace may spend together on matching, so that who makes many sources,
// or writes the same one again and again, has no more of it than others. A nil Share has no limit.
type Share struct {
	namespace string
	// own is what the sources spend on their own account, and competing what they are matched for on account of others: a
	// source has to know which of the others want the same target.
	own, competing allowance
}

var (
	shareRate      = rate{burst: 5 * time.Second, refill: 50}
	competitorRate = rate{burst: 50 * time.Millisecond, refill: 100}
)

// NewShare returns the share of the sources in a namespace.
func NewShare(namespace string) *Share {
	return &Share{namespace: namespace, own: newAllowance(shareRate), competing: newAllowance(competitorRate)}
}

// spend takes a cost from the share, and reports whether anything is left.
func (s *Share) spend(begin, end time.Time, cost time.Duration) bool {
	return s == nil || s.own.spend(begin, end, cost)
}

func (s *Share) isSpent(now time.Time) bool { return s != nil && s.own.isSpent(now) }

func (s *Share) exhausted() error {
	return fmt.Errorf("the sources of the namespace %s take too long to match: together they may take %s at once and "+
		"%d %% of the time, so write fewer or simpler patterns on them", s.namespace, s.own.burst, 100/s.own.refill)
}

// mayCompete reports whether there is time for a match on account of another source.
func (s *Share) mayCompete(now time.Time) bool { return s == nil || !s.competing.isSpent(now) }

// spendAsCompetitor charges a match, at most what may be spent at once: a process that was stopped during a match would
// owe the time that it stood still.
func (s *Share) spendAsCompetitor(begin, end time.Time) {
	if s != nil {
		s.competing.spend(begin, end, min(end.Sub(begin), s.competing.burst))
	}
}

// IsUnspent reports whether a new share would have no more time than this one.
func (s *Share) IsUnspent(now time.Time) bool { return s.own.isFull(now) && s.competing.isFull(now) }
