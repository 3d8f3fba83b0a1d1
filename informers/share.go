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

// shares divide the memory for policies among the namespaces of the sources. While there is room, a namespace may have
// all of it. When there is none, the sources of the namespace that takes the most are frozen, the newest first, until
// it fits: who takes little is never frozen for what others take.
type shares struct {
	limit, used int
	accounts    map[string]*account
	holders     map[Key]*holder
}

func newShares(limit int) *shares {
	return &shares{limit: limit, accounts: map[string]*account{}, holders: map[Key]*holder{}}
}

// account is what the sources of one namespace take.
type account struct {
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

// extra is what an account takes more with a source.
func (a *account) extra(h *holder) int {
	n := h.cost.Own
	for text, size := range h.cost.Programs {
		if a.programs[text] == 0 {
			n += size
		}
	}
	return n
}

func (a *account) isWaiting() bool { return a.admitted < len(a.line) }

// put takes in a source, or another policy of it, and returns the sources that are frozen now or are not any more.
func (x *shares) put(key Key, since time.Time, policy *annotations.Policy) (changed []Key) {
	if h := x.holders[key]; h != nil && h.policy == policy {
		return nil
	}
	x.take(key)
	a := x.accounts[key.Namespace]
	if a == nil {
		a = &account{
			namespace: key.Namespace, time: annotations.NewShare(key.Namespace), programs: map[string]int{},
		}
		x.accounts[key.Namespace] = a
	}
	policy.In(a.time)
	h := &holder{key: key, since: since, policy: policy, cost: policy.Cost()}
	x.holders[key] = h
	at, _ := slices.BinarySearchFunc(a.line, h, compareHolders)
	a.line = slices.Insert(a.line, at, h)
	if at < a.admitted || a.admitted == len(a.line)-1 {
		a.admitted++
		x.count(a, h)
	} else {
		policy.Suspend(x.exceeded(a))
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

// take takes a source out of the line of its namespace. What the namespace has spent of its time is not forgotten, or
// who writes a source again and again would always have all of it.
func (x *shares) take(key Key) {
	h := x.holders[key]
	if h == nil {
		return
	}
	delete(x.holders, key)
	a := x.accounts[key.Namespace]
	at, _ := slices.BinarySearchFunc(a.line, h, compareHolders)
	a.line = slices.Delete(a.line, at, at+1)
	if at < a.admitted {
		a.admitted--
		x.discount(a, h)
	}
}

// count adds what a source takes.
func (x *shares) count(a *account, h *holder) {
	extra := a.extra(h)
	a.used += extra
	x.used += extra
	for text := range h.cost.Programs {
		a.programs[text]++
	}
}

// discount subtracts it.
func (x *shares) discount(a *account, h *holder) {
	for text := range h.cost.Programs {
		if a.programs[text]--; a.programs[text] == 0 {
			delete(a.programs, text)
		}
	}
	extra := a.extra(h)
	a.used -= extra
	x.used -= extra
}

// balance freezes sources until the others fit, and admits those that there is room for. It returns them.
func (x *shares) balance() (changed []Key) {
	changed = x.shed()
	for skipped := map[*account]bool{}; ; {
		a := x.smallestWaiting(skipped)
		if a == nil {
			return changed
		}
		next := a.line[a.admitted]
		if largest := x.largest(); x.used+a.extra(next) > x.limit && a.used+a.extra(next) >= largest.used {
			skipped[a] = true
			continue
		}
		a.admitted++
		x.count(a, next)
		next.policy.Resume()
		shed := x.shed()
		skipped[a] = slices.Contains(shed, next.key)
		changed = append(append(changed, next.key), shed...)
	}
}

// shed freezes the newest source of the namespace that takes the most, until the others fit.
func (x *shares) shed() (changed []Key) {
	//mutant:memory-for-policies
	for x.used > x.limit {
		a := x.largest()
		a.admitted--
		last := a.line[a.admitted]
		x.discount(a, last)
		last.policy.Suspend(x.exceeded(a))
		changed = append(changed, last.key)
	}
	return changed
}

// largest returns the namespace that takes the most.
func (x *shares) largest() (largest *account) {
	for _, a := range x.accounts {
		if largest == nil || a.used > largest.used || a.used == largest.used && a.namespace < largest.namespace {
			largest = a
		}
	}
	return largest
}

// smallestWaiting returns the namespace that takes the least of those that have a frozen source.
func (x *shares) smallestWaiting(skipped map[*account]bool) (smallest *account) {
	for _, a := range x.accounts {
		if !a.isWaiting() || skipped[a] {
			continue
		}
		if smallest == nil || a.used < smallest.used || a.used == smallest.used && a.namespace < smallest.namespace {
			smallest = a
		}
	}
	return smallest
}

func (x *shares) exceeded(a *account) error {
	return fmt.Errorf("the sources of the namespace %s take too much memory for their patterns and expressions: all "+
		"sources of the cluster share %d MiB of it, and this namespace takes the most, so its newest sources are frozen; "+
		"write shorter patterns and lower counts of repetition there, or remove sources", a.namespace, x.limit>>20)
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
	read.In(c.shares.accounts[source.Namespace].time)
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
	a := x.accounts[h.key.Namespace]
	x.discount(a, h)
	h.cost = cost
	x.count(a, h)
	return x.balance()
}

// share has a source count that has changed, and notifies those that were frozen or are not any more on its account.
func (c *Cluster) share(o *objects, n types.NamespacedName) {
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
