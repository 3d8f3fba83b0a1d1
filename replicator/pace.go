package replicator

import "time"

// pace finds how many bulk writes may be under way: as many as keep the API server busy, and not so many that what
// others want from it waits behind them. It works as LEDBAT (RFC 6817) does for transfers in the background: what
// writes take beyond what one takes alone is time in a queue, and after each round the bound is set so that this comes
// to what is allowed.
//
//	a round's writes, on average                            the bound
//	took less than allowed, and others waited for them      grows in proportion, to the double at the most
//	took less than allowed, and none waited                 stays: it was not used
//	took longer than allowed                                shrinks in proportion, to the half at the most
//	one was answered with 429 or 503, or not at all         is halved
//	now and then                                            is one for a round, to learn what one takes alone
//
// A round is as many writes as the bound, if it is used, and as many as make an average, all begun after the bound was
// set: those before tell of another one.
type pace struct {
	max   int
	exact float64
	// alone is what a write takes where nothing queues, as far as is known.
	alone time.Duration
	// The present round: when it began, its writes and the sum of their times, and whether a bulk write had to wait.
	began  time.Time
	writes int
	sum    time.Duration
	waited bool
	// resume is the bound from before a round of one at a time, and 0 in other rounds. The next such round is due.
	resume float64
	due    time.Time
}

const (
	// firstWrites is the bound before anything is known of the API server.
	firstWrites = 16
	// minRound is how many writes make an average. A single one tells nothing: their times differ by more than a queue
	// makes of them.
	minRound = 16
	// allowedQueueing is how long a bulk write may queue: people do not notice it.
	allowedQueueing = 12 * time.Millisecond
	// maxStep bounds by what factor a round changes the bound.
	maxStep = 2
	// aloneInterval is the least time from one round of one at a time to the next, and aloneShare bounds the share of the
	// time that these rounds take, where writes are slow.
	aloneInterval = 10 * time.Second
	aloneShare    = 30
)

func newPace(maximum int) pace {
	return pace{max: maximum, exact: float64(min(firstWrites, maximum))}
}

// bound returns how many bulk writes may be under way.
func (p *pace) bound() int { return int(p.exact) }

// succeeded takes in a write that the API server has carried out.
func (p *pace) succeeded(began, ended time.Time) {
	if began.Before(p.began) {
		return
	}
	p.writes++
	p.sum += ended.Sub(began)
	if p.writes < minRound || p.waited && p.writes < p.bound() {
		return
	}
	mean := p.sum / time.Duration(p.writes)
	if p.alone == 0 || mean < p.alone || p.bound() == 1 {
		p.alone = mean
	}
	switch {
	case p.resume > 0:
		p.due = ended.Add(max(aloneInterval, aloneShare*ended.Sub(p.began)))
		p.set(p.resume, ended)
		p.resume = 0
	case p.due.IsZero():
		p.due = ended.Add(aloneInterval)
		p.step(mean, ended)
	case p.waited && !ended.Before(p.due):
		p.resume = p.exact
		p.set(1, ended)
	default:
		p.step(mean, ended)
	}
}

// step sets the bound by what a round's writes took.
func (p *pace) step(mean time.Duration, now time.Time) {
	factor := float64(p.alone+max(p.alone, allowedQueueing)) / float64(mean)
	if !p.waited {
		factor = min(factor, 1)
	}
	p.set(p.exact*min(max(factor, 1.0/maxStep), maxStep), now)
}

// overloaded takes in a write that the API server had no time for. Those that were sent before the bound was last set
// do not lower it again.
func (p *pace) overloaded(began, ended time.Time) {
	if !began.Before(p.began) {
		p.resume /= 2
		p.set(p.exact/2, ended)
	}
}

// set begins a round with another bound.
func (p *pace) set(bound float64, now time.Time) {
	p.exact = min(max(bound, 1), float64(p.max))
	p.began, p.writes, p.sum, p.waited = now, 0, 0, false
}
