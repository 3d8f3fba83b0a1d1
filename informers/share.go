package informers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// maxPolicyBytes is how much memory the policies of all sources may take: their text, what their expressions compile
// to, and the remembered answers. It is an eighth of the container's limit: an expression of ten characters may compile
// to a megabyte, and anyone who may write a Secret may write thousands of them.
const maxPolicyBytes = 32 << 20

// minIdleShares is how many namespaces may be remembered without a look at whether they still have a source.
const minIdleShares = 64

// shares divide the memory for policies among the namespaces of the sources. While there is room, a namespace may have
// all of it. When there is none, the sources of the namespace that takes the most are frozen, the newest first, until
// it fits: who takes little is never frozen for what others take.
type shares struct {
	limit, used int
	byNamespace map[string]*share
	holders     map[Key]*holder
	// kept is how many namespaces were left when those without a source were last forgotten.
	kept int
}

func newShares(limit int) *shares {
	return &shares{limit: limit, byNamespace: map[string]*share{}, holders: map[Key]*holder{}}
}

// share is what the sources of one namespace take.
type share struct {
	namespace string
	// time is what they may spend on matching.
	time *annotations.Share
	// line are the sources, the oldest first. The first so many of them are admitted, and the others are frozen.
	line     []*holder
	admitted int
	// used is what the admitted ones take, and programs says how many of them have the same large expression.
	used     int
	programs map[string]int
}

// holder is a source as far as its memory goes.
type holder struct {
	key    Key
	since  time.Time
	policy *annotations.Policy
	cost   annotations.Cost
}

func compareHolders(a, b *holder) int {
	if order := a.since.Compare(b.since); order != 0 {
		return order
	}
	return strings.Compare(a.key.String(), b.key.String())
}

// extra is what a namespace takes more with a source.
func (s *share) extra(h *holder) int {
	n := h.cost.Own
	for text, size := range h.cost.Programs {
		if s.programs[text] == 0 {
			n += size
		}
	}
	return n
}

func (s *share) isWaiting() bool { return s.admitted < len(s.line) }

// put takes in a source, or another policy of it, and returns the sources that are frozen now or are not any more.
func (x *shares) put(key Key, since time.Time, policy *annotations.Policy) (changed []Key) {
	if h := x.holders[key]; h != nil && h.policy == policy {
		return nil
	}
	x.take(key)
	s := x.byNamespace[key.Namespace]
	if s == nil {
		x.forgetIdle(time.Now())
		s = &share{
			namespace: key.Namespace, time: annotations.NewShare(key.Namespace), programs: map[string]int{},
		}
		x.byNamespace[key.Namespace] = s
	}
	policy.SetShare(s.time)
	h := &holder{key: key, since: since, policy: policy, cost: policy.Cost()}
	x.holders[key] = h
	at, _ := slices.BinarySearchFunc(s.line, h, compareHolders)
	s.line = slices.Insert(s.line, at, h)
	if at < s.admitted || s.admitted == len(s.line)-1 {
		s.admitted++
		x.count(s, h)
	} else {
		policy.Suspend(x.exceeded(s))
	}
	return x.balance()
}

// drop forgets a source, and returns those that there is room for now.
func (x *shares) drop(key Key) (changed []Key) {
	if x.holders[key] == nil {
		return nil
	}
	x.take(key)
	return x.balance()
}

// forgetIdle forgets the namespaces that have no source and have been given back all their time, whenever their number
// has doubled: clusters that make and delete namespaces all day would fill the memory with them.
func (x *shares) forgetIdle(now time.Time) {
	if len(x.byNamespace) < max(2*x.kept, minIdleShares) {
		return
	}
	for name, s := range x.byNamespace {
		if len(s.line) == 0 && s.time.IsUnspent(now) {
			delete(x.byNamespace, name)
		}
	}
	x.kept = len(x.byNamespace)
}

// take takes a source out of the line of its namespace. What the namespace has spent of its time is not forgotten, or
// who writes a source again and again would always have all of it.
func (x *shares) take(key Key) {
	h := x.holders[key]
	if h == nil {
		return
	}
	delete(x.holders, key)
	s := x.byNamespace[key.Namespace]
	at, _ := slices.BinarySearchFunc(s.line, h, compareHolders)
	s.line = slices.Delete(s.line, at, at+1)
	if at < s.admitted {
		s.admitted--
		x.discount(s, h)
	}
}

// count adds what a source takes.
func (x *shares) count(s *share, h *holder) {
	extra := s.extra(h)
	s.used += extra
	x.used += extra
	for text := range h.cost.Programs {
		s.programs[text]++
	}
}

// discount subtracts it.
func (x *shares) discount(s *share, h *holder) {
	for text := range h.cost.Programs {
		if s.programs[text]--; s.programs[text] == 0 {
			delete(s.programs, text)
		}
	}
	extra := s.extra(h)
	s.used -= extra
	x.used -= extra
}

// balance freezes sources until the others fit, and admits those that there is room for. It returns them.
func (x *shares) balance() (changed []Key) {
	changed = x.shed()
	for skipped := map[*share]bool{}; ; {
		s := x.smallestWaiting(skipped)
		if s == nil {
			return changed
		}
		next := s.line[s.admitted]
		if largest := x.largest(); x.used+s.extra(next) > x.limit && s.used+s.extra(next) >= largest.used {
			skipped[s] = true
			continue
		}
		s.admitted++
		x.count(s, next)
		next.policy.Resume()
		shed := x.shed()
		skipped[s] = slices.Contains(shed, next.key)
		changed = append(append(changed, next.key), shed...)
	}
}

// shed freezes the newest source of the namespace that takes the most, until the others fit.
func (x *shares) shed() (changed []Key) {
	//mutant:memory-for-policies
	for x.used > x.limit {
		s := x.largest()
		s.admitted--
		last := s.line[s.admitted]
		x.discount(s, last)
		last.policy.Suspend(x.exceeded(s))
		changed = append(changed, last.key)
	}
	return changed
}

// largest returns the namespace that takes the most.
func (x *shares) largest() (largest *share) {
	for _, s := range x.byNamespace {
		if largest == nil || s.used > largest.used || s.used == largest.used && s.namespace < largest.namespace {
			largest = s
		}
	}
	return largest
}

// smallestWaiting returns the namespace that takes the least of those that have a frozen source.
func (x *shares) smallestWaiting(skipped map[*share]bool) (smallest *share) {
	for _, s := range x.byNamespace {
		if !s.isWaiting() || skipped[s] {
			continue
		}
		if smallest == nil || s.used < smallest.used || s.used == smallest.used && s.namespace < smallest.namespace {
			smallest = s
		}
	}
	return smallest
}

func (x *shares) exceeded(s *share) error {
	return fmt.Errorf("the sources of the namespace %s take too much memory for their patterns and expressions: all "+
		"sources of the cluster share %d MiB of it, and this namespace takes the most, so its newest sources are frozen; "+
		"write shorter patterns and lower counts of repetition there, or remove sources", s.namespace, x.limit>>20)
}

// Charge has a policy that was read from the API server, with the annotations that make it, count as that of a source.
// It returns the one to use in its place: where the watch shows the same, that has remembered what it has matched.
func (c *Cluster) Charge(source Key, read *annotations.Policy, notes map[string]string) *annotations.Policy {
	policy, changed := c.charge(source, read, notes)
	for _, key := range changed {
		c.notify(key, Change{Scope: FullScope()})
	}
	return policy
}

func (c *Cluster) charge(source Key, read *annotations.Policy, notes map[string]string) (*annotations.Policy, []Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.shares.holders[source]
	if h == nil {
		return read, nil
	}
	read.SetShare(c.shares.byNamespace[source.Namespace].time)
	if err := h.policy.Suspended(); err != nil {
		read.Suspend(err)
		return read, nil
	}
	if h.policy.Equal(read) {
		return h.policy, nil
	}
	if !h.policy.Load(read, notes) {
		return read, nil
	}
	full := h.policy.Full()
	return full, c.shares.recount(h, full.Cost())
}

// recount corrects what an admitted source takes.
func (x *shares) recount(h *holder, cost annotations.Cost) []Key {
	s := x.byNamespace[h.key.Namespace]
	x.discount(s, h)
	h.cost = cost
	x.count(s, h)
	return x.balance()
}

// updateShare has a source count that has changed, and notifies those that were frozen or are not any more on its
// account.
func (c *Cluster) updateShare(o *objects, n types.NamespacedName) {
	c.mu.Lock()
	var changed []Key
	if present := o.candidates.get(n); policyOf(present) != nil {
		changed = c.shares.put(Key{o.kind, n}, c.sinceOf(o, present), policyOf(present))
	} else if o.departed(n) == nil {
		changed = c.shares.drop(Key{o.kind, n})
	}
	c.mu.Unlock()
	for _, key := range changed {
		c.notify(key, Change{Scope: FullScope()})
	}
}
