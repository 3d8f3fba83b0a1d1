package annotations

import (
	"errors"
	"time"
)

// meter says on whose account the names are matched. Without a budget everything is matched: that takes no longer than
// to look up an answer.
type meter struct {
	budget *budget
	mode   mode
}

type mode uint8

const (
	// onOwnAccount: the source's own, which waits until it has the answer or is frozen.
	onOwnAccount mode = iota
	// asCompetitor: another source's, which waits only for what is quick.
	asCompetitor
	// onlyRemembered: nobody's. Only remembered answers are given.
	onlyRemembered
)

var errNotRemembered = errors.New("not remembered")

// ErrTryAgain says that a match ran into its timeout, and that there is time left to try it again: the machine may have
// been slow.
var ErrTryAgain = errors.New("matching was interrupted")

// cached returns the remembered answer for a name, or calls ask and remembers its answer.
func (m meter) cached(known *answers, name string, ask func() (bool, error)) (bool, error) {
	if m.budget == nil {
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

// spend calls ask, which is one match, and charges the time that it takes.
func (m meter) spend(ask func() (bool, error)) (bool, error) {
	switch {
	case m.budget == nil:
		return ask()
	case m.mode == onlyRemembered:
		return false, errNotRemembered
	case m.mode == asCompetitor:
		return m.spendAsCompetitor(ask)
	}
	if err := m.budget.mayMatch(); err != nil {
		return false, err
	}
	begin := time.Now()
	matches, err := ask()
	m.budget.charge(begin, time.Now(), err)
	if err == nil {
		return matches, nil
	}
	if err := m.budget.frozen(); err != nil {
		return false, err
	}
	return false, ErrTryAgain
}

// spendAsCompetitor matches what is quick, and charges it to those whose policy it is. The other source is not to pay
// for the policy, and it does not wait for what is slow.
func (m meter) spendAsCompetitor(ask func() (bool, error)) (bool, error) {
	b := m.budget
	begin := time.Now()
	//mutant:competitors-pay
	if b.slow.Load() || !b.share.Load().mayCompete(begin) || b.mayMatch() != nil {
		return false, errNotRemembered
	}
	matches, err := ask()
	end := time.Now()
	b.chargeCompetitor(begin, end, err)
	return matches, err
}
