package replicator

import (
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// state is what the process knows of a source beyond what the cluster shows. One worker has it at a time; only left,
// counts and condition are others' too, under the controller's lock. All of it may be lost: a new process does right
// without it.
type state struct {
	// news is the most pressing that has come since the present pass began.
	news atomic.Int64
	// uid is the object that last had a policy, policy what that was.
	uid    types.UID
	policy *annotations.Policy
	// source is the last that was read, and version which version of it; nil where it has to be read.
	source  *plan.Source
	version informers.Version
	// frozen are the problems that only its content shows.
	frozen []annotations.Problem
	// refused says why it is no source whatever its annotations say.
	refused string
	// since is when it was first found missing or without its annotations, left when a stream last showed it go: it may
	// have been back between two looks.
	since, left time.Time
	// wrote says that something was written since it was last in sync; announced that a first time has been told of.
	wrote, announced bool
	// settled is the digest with which all targets were last in sync or written, so that what is written after is repair.
	settled informers.Digest
	// rest is when the source may be looked at again.
	rest time.Time
	// waits are the targets that can't be written for now.
	waits map[types.NamespacedName]*wait
	// unfit are objects that were found not to be fit to be adopted or filled from this version of the source.
	unfit map[types.NamespacedName]plan.Unfit
	// told are the warnings that stand, by subject and reason.
	told map[warningKey]string
	// counts are places by state, condition the source's own, for the metrics.
	counts    map[plan.State]int
	condition string
}

// wait is the backoff of one target.
type wait struct {
	failures int
	until    time.Time
	// reason is the API server's, empty where the writes succeed but do not last.
	reason string
	last   time.Time
}

const (
	firstWait = time.Second
	maxWait   = 5 * time.Minute
)

// fail lengthens the wait for a target.
func (s *state) fail(n types.NamespacedName, reason string, at time.Time) *wait {
	if s.waits == nil {
		s.waits = map[types.NamespacedName]*wait{}
	}
	w := s.waits[n]
	if w == nil {
		w = &wait{}
		s.waits[n] = w
	}
	w.reason, w.last = reason, at
	w.until = at.Add(min(firstWait<<min(w.failures, 20), maxWait))
	w.failures++
	return w
}

// repaired notes that a replica was put back, and makes the next time wait once it happens too often: somebody else
// keeps changing it, and writing against them at full speed helps nobody.
func (s *state) repaired(n types.NamespacedName, at time.Time) {
	const tolerated = 5
	w := s.fail(n, "", at)
	if w.failures <= tolerated {
		w.until = time.Time{}
	} else {
		w.until = at.Add(min(firstWait<<min(w.failures-tolerated, 20), maxWait))
	}
}

// tire has a source rest whose policy took long to match: the more the longer, so that sources of a few tenants do not
// have all workers to themselves. An ordinary policy takes some milliseconds for ten thousand namespaces.
func (s *state) tire(took time.Duration) {
	const long, times = 500 * time.Millisecond, 20
	if took > long {
		s.rest = time.Now().Add(times * took)
	}
}

// calm forgets waits that nothing came of for a while.
func (s *state) calm(at time.Time) {
	for n, w := range s.waits {
		if at.After(w.until) && at.Sub(w.last) > 2*maxWait {
			delete(s.waits, n)
		}
	}
}

func (c *Controller) state(key informers.Key) *state {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.states[key]
	if s == nil {
		s = &state{told: map[warningKey]string{}}
		c.states[key] = s
	}
	return s
}

// interrupt has the pass under way, if there is one, plan again after what it is writing.
func (c *Controller) interrupt(key informers.Key, news informers.News) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.states[key]; s != nil {
		s.news.Store(max(s.news.Load(), int64(news)))
		if news == informers.NewsOfItsEnd {
			s.left = time.Now()
		}
	}
}

func (c *Controller) drop(key informers.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.states, key)
}

// settle publishes a source's numbers, and says whether it stands aside from now on, or no longer.
func (c *Controller) settle(s *state, condition string, counts map[plan.State]int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := standsAside(s.condition)
	s.condition, s.counts = condition, counts
	return was != standsAside(condition)
}

// count adds up the numbers of all sources, for the metrics.
func (c *Controller) count() (sources map[string]int, places map[plan.State]int) {
	sources, places = map[string]int{}, map[plan.State]int{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.states {
		if s.condition != "" {
			sources[s.condition]++
		}
		for k, n := range s.counts {
			places[k] += n
		}
	}
	return sources, places
}
