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
	// asGuest: another source's, which waits only for what is quick.
	asGuest
	// onlyRemembered: nobody's. Only remembered answers are given.
	onlyRemembered
)

var errNotRemembered = errors.New("not remembered")

// ErrTryAgain says that a match ran into its timeout, and that there is time left to try it again: the machine may have
// been slow.
var ErrTryAgain = errors.New("matching was interrupted")

// remember returns the remembered answer for a name, or calls do and remembers its answer.
func (m meter) remember(known *answers, name string, do func() (bool, error)) (bool, error) {
	if m.budget == nil {
		return do()
	}
	if answer, ok := known.get(name); ok {
		return answer, nil
	}
	matches, err := do()
	if err == nil {
		known.put(name, matches)
	}
	return matches, err
}

// spend calls do, which is one match, and charges the time that it takes.
func (m meter) spend(do func() (bool, error)) (bool, error) {
	switch {
	case m.budget == nil:
		return do()
	case m.mode == onlyRemembered:
		return false, errNotRemembered
	case m.mode == asGuest:
		return m.spendAsGuest(do)
	}
	if err := m.budget.mayMatch(); err != nil {
		return false, err
	}
	begin := time.Now()
	matches, err := do()
	m.budget.charge(begin, time.Now(), err)
	if err == nil {
		return matches, nil
	}
	if err := m.budget.frozen(); err != nil {
		return false, err
	}
	return false, ErrTryAgain
}

// spendAsGuest matches what is quick, and charges it to those whose policy it is. The other source is not to pay for
// the policy, and it does not wait for what is slow.
func (m meter) spendAsGuest(do func() (bool, error)) (bool, error) {
	b := m.budget
	begin := time.Now()
	//mutant:rivals-pay
	if b.slow.Load() || !b.share.Load().mayBeGuest(begin) || b.mayMatch() != nil {
		return false, errNotRemembered
	}
	matches, err := do()
	end := time.Now()
	b.chargeGuest(begin, end, err)
	return matches, err
}
