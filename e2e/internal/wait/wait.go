// Package wait waits for conditions by progress and not by the clock: a wait goes on for as long as something moves,
// however slow the machine is.
package wait

import (
	"context"
	"fmt"
	"time"
)

const (
	// StallLimit is how long nothing may move before a wait gives up.
	StallLimit = time.Minute
	// firstInterval and lastInterval are how often a condition is checked: at first what an idle machine takes, later less
	// often, since the checks themselves keep a slow machine busy.
	firstInterval = 20 * time.Millisecond
	lastInterval  = 250 * time.Millisecond
	// longestStep is how much of the time between two checks counts as stalled: when the machine or this process stood
	// still, everything else may have stood still as well.
	longestStep = time.Second
)

// Progress describes how far something has come. The text itself does not matter, only that it changes.
type Progress func(context.Context) string

// Until checks until there is no error. It gives up when ctx ends, or when neither the error nor progress has changed
// for StallLimit; progress may be nil. The error says what was waited for (the last error of check) and why Until gave
// up.
func Until(ctx context.Context, progress Progress, check func(context.Context) error) error {
	var stalled stall
	var last error
	for interval := firstInterval; ; interval = min(interval*3/2, lastInterval) {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			if last == nil { // an error that is due to the end of ctx says less than the one before
				last = err
			}
			return fmt.Errorf("%w (%w)", last, context.Cause(ctx))
		}
		last = err
		if stalled.observe(ctx, err, progress) >= StallLimit {
			return fmt.Errorf("%w (nothing has moved for %s%s)", last, StallLimit, stalled.lastState())
		}
		timer := time.NewTimer(interval)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// stall measures how long nothing has moved.
type stall struct {
	answer, state string
	asked         time.Time // when state was read
	before        time.Time // the last observation
	total         time.Duration
}

// observe returns how long nothing has moved, as of now.
func (s *stall) observe(ctx context.Context, answer error, progress Progress) time.Duration {
	now := time.Now()
	if !s.before.IsZero() {
		s.total += min(now.Sub(s.before), longestStep)
	}
	s.before = now
	if text := answer.Error(); text != s.answer {
		s.answer, s.total = text, 0
	}
	if progress != nil && now.Sub(s.asked) >= longestStep {
		s.asked = now
		if state := progress(ctx); state != s.state {
			s.state, s.total = state, 0
		}
	}
	return s.total
}

// lastState is for the error: what progress said last.
func (s *stall) lastState() string {
	if s.state == "" {
		return ""
	}
	return "; the last state: " + s.state
}
