package liveness

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// The health checks that a Subject can belong to.
const (
	Lease   = "lease"
	Watches = "watches"
	Workers = "workers"
	Queue   = "queue"
)

// Checks returns all health checks, in the order in which they are shown.
func Checks() []string { return []string{Lease, Watches, Workers, Queue} }

// Subject is something that has to move while there is something for it to do.
type Subject struct {
	// Check is the health check that it belongs to.
	Check string
	// Name is what it is called. Everybody can read it: it names no object.
	Name string
	// Problem says what is wrong once it has stood still for Limit.
	Problem string
	Limit   time.Duration
	// Sample is asked at intervals. It must not block.
	Sample func() Sample
	// Detail says more for the log, which may name objects; it may be nil.
	Detail func() string
}

// Sample is the state of a Subject at one moment.
type Sample struct {
	// Moves is different after each movement.
	Moves uint64
	// Due says that it has to move. Otherwise time does not count.
	Due bool
}

// interval is the time between two samples.
const interval = 5 * time.Second

// Monitor looks at Subjects, and knows how long each has stood still.
type Monitor struct {
	mu      sync.Mutex
	watched []*watched
}

// watched is a Subject and what was seen of it.
type watched struct {
	Subject
	moves uint64
	still time.Duration
}

// Watch adds subjects.
func (m *Monitor) Watch(subjects ...Subject) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range subjects {
		m.watched = append(m.watched, &watched{Subject: s})
	}
}

// Run looks at the subjects until ctx is done. A process that is stopping does not fail any more.
func (m *Monitor) Run(ctx context.Context) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			m.forget()
			return
		case <-ticker.C:
		}
		now := time.Now()
		m.sample(ctx, min(now.Sub(last), 2*interval)) // the process may have been suspended
		last = now
	}
}

func (m *Monitor) sample(ctx context.Context, elapsed time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.watched {
		before := w.failed()
		w.sample(elapsed)
		if w.failed() && !before {
			w.log(ctx)
		}
	}
}

func (m *Monitor) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watched = nil
}

// Check returns nil unless a subject of the health check has stood still for too long. The error is one line.
func (m *Monitor) Check(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var problems []string
	for _, w := range m.watched {
		if w.Check == name && w.failed() {
			problems = append(problems, w.problem())
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return errors.New(strings.Join(problems, "; ") + "; restart the process")
}

func (w *watched) sample(elapsed time.Duration) {
	s := w.Sample()
	if s.Due && s.Moves == w.moves {
		w.still += elapsed
	} else {
		w.still = 0
	}
	w.moves = s.Moves
}

func (w *watched) failed() bool { return w.still >= w.Limit }

func (w *watched) problem() string {
	return fmt.Sprintf("%s %s for %s", w.Name, w.Problem, w.still.Round(time.Second))
}

func (w *watched) log(ctx context.Context) {
	detail := ""
	if w.Detail != nil {
		detail = w.Detail()
	}
	klog.FromContext(ctx).Error(errors.New(w.problem()), "the health check fails", "check", w.Check, "detail", detail)
}
