package replicator

import "time"

// pace finds how many bulk writes may be under way: as many as keep the API server busy, and not so many that what
// others want from it waits behind them. It works as LEDBAT (RFC 6817) does for transfers in the background: what a
// write takes beyond the shortest one so far is time in a queue, and the number of writes under way is set in each
// round, by how long a write took, so that this time comes to what is allowed.
//
//	a round's writes                                        the bound
//	took less than allowed, and others waited for them      grows in proportion, by half at the most
//	took less than allowed, and none waited                 stays: it was not used
//	took longer than allowed                                shrinks in proportion, by a third at the most
//	took longer, at a bound of one                          grows: with one write it is no queue of ours, so
//	                                                        this is what a write takes now
//	one was answered with 429 or 503, or not at all         is halved
//
// A round is as many writes as the bound, all begun after it was set: those before tell of another bound.
type pace struct {
	max   int
	exact float64
	// base is what a write takes where nothing queues.
	base time.Duration
	// The present round: when it began, its writes and the sum of their times, and whether a bulk write had to wait.
	began  time.Time
	writes int
	sum    time.Duration
	waited bool
}

const (
	// firstWrites is the bound before anything is known of the API server.
	firstWrites = 16
	// allowedQueueing is how long a bulk write may queue: people do not notice it.
	allowedQueueing = 12 * time.Millisecond
	// maxStep bounds by what factor a round changes the bound.
	maxStep = 1.5
)

func newPace(maximum int) pace {
	return pace{max: maximum, exact: float64(min(firstWrites, maximum))}
}

// bound returns how many bulk writes may be under way.
func (p *pace) bound() int { return int(p.exact) }

// succeeded takes in a write that the API server has carried out.
func (p *pace) succeeded(began, ended time.Time) {
	took := ended.Sub(began)
	if p.base == 0 || took < p.base {
		p.base = took
	}
	if began.Before(p.began) {
		return
	}
	p.writes++
	p.sum += took
	if p.writes < p.bound() {
		return
	}
	mean := p.sum / time.Duration(p.writes)
	target := p.base + max(p.base, allowedQueueing)
	switch step := float64(target) / float64(mean); {
	case step < 1 && p.bound() == 1:
		p.base = mean
		p.set(1, ended)
	case step < 1:
		p.set(p.exact*max(step, 1/maxStep), ended)
	case p.waited:
		p.set(p.exact*min(step, maxStep), ended)
	default:
		p.set(p.exact, ended)
	}
}

// overloaded takes in a write that the API server had no time for. Those that were sent before the bound was last set
// do not lower it again.
func (p *pace) overloaded(began, ended time.Time) {
	if !began.Before(p.began) {
		p.set(p.exact/2, ended)
	}
}

// set begins a round with another bound.
func (p *pace) set(bound float64, now time.Time) {
	*p = pace{max: p.max, exact: min(max(bound, 1), float64(p.max)), base: p.base, began: now}
}
