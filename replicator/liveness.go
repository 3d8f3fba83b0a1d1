package replicator

import (
	"fmt"
	"time"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/liveness"
)

const (
	// streamLimit is for how long a watch may deliver nothing while the API server answers other requests. Bookmarks come
	// about once a minute, and without them the API server ends each watch after ten minutes at the latest, because
	// client-go asks for it.
	streamLimit = 15 * time.Minute
	// passLimit is for how long a pass, or the queue, may make no progress that does not depend on the API server. What
	// is between two requests of a pass takes milliseconds, and seconds on a machine that is overloaded.
	passLimit = 10 * time.Minute
)

// Subjects returns what has to move while the Controller runs, for the health checks "watches", "workers" and "queue".
// answers has to know of all requests of the Controller.
func (c *Controller) Subjects(answers *liveness.Answers) []liveness.Subject {
	var all []liveness.Subject
	for _, s := range c.cluster.Streams() {
		all = append(all, streamSubject(s, answers))
	}
	for _, w := range c.workers {
		all = append(all, w.subject())
	}
	return append(all, c.queueSubject())
}

func streamSubject(s *informers.Stream, answers *liveness.Answers) liveness.Subject {
	return liveness.Subject{
		Check: liveness.Watches, Name: "the watch of " + s.Name(), Limit: streamLimit,
		Problem: "has delivered neither an event nor a bookmark, although the API server answers other requests,",
		Sample: func() liveness.Sample {
			return liveness.Sample{Moves: s.Moves(), Due: s.Running() && answers.Recent()}
		},
		Detail: func() string { return "last event " + s.LastEvent().UTC().Format(time.RFC3339) },
	}
}

func (w *worker) subject() liveness.Subject {
	return liveness.Subject{
		Check: liveness.Workers, Name: fmt.Sprintf("worker %d", w.number), Limit: passLimit,
		Problem: "has made no progress in a reconcile that does not wait for the API server",
		Sample: func() liveness.Sample {
			_, d := w.running()
			return liveness.Sample{Moves: w.moves.Load(), Due: d > 0 && w.waits.Load() == 0}
		},
		Detail: func() string {
			key, d := w.running()
			return fmt.Sprintf("%s, reconciled for %s", key, d.Round(time.Second))
		},
	}
}

// queueSubject stands still where sources wait and nothing takes them. Workers that are busy will come to them.
func (c *Controller) queueSubject() liveness.Subject {
	return liveness.Subject{
		Check: liveness.Queue, Name: "the queue", Limit: passLimit,
		Problem: "has sources that wait, and no worker has taken any",
		Sample: func() liveness.Sample {
			taken, waiting := c.queue.Taken()
			sample := liveness.Sample{Moves: taken, Due: waiting && c.working.Load()}
			for _, w := range c.workers {
				sample.Moves += w.moves.Load()
				sample.Due = sample.Due && w.waits.Load() == 0
			}
			return sample
		},
		Detail: func() string {
			return fmt.Sprintf("%d wait, the oldest for %s", c.queue.Len(), c.queue.OldestWaiting().Round(time.Second))
		},
	}
}
