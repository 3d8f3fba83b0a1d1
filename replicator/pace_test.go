package replicator

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// simulatedServer answers writes one after the other, at a rate, each after a delay that does not depend on the others.
type simulatedServer struct {
	delay, each time.Duration
	// uneven makes the delays differ, by a log-normal distribution around the same average.
	uneven *rand.Rand
	// free is when it has no write to carry out any more.
	free time.Time
}

func (s *simulatedServer) answer(at time.Time) time.Time {
	if s.free.Before(at) {
		s.free = at
	}
	s.free = s.free.Add(s.each)
	if s.uneven == nil {
		return s.free.Add(s.delay)
	}
	return s.free.Add(time.Duration(float64(s.delay) * math.Exp(s.uneven.NormFloat64()-0.5)))
}

// bulk is a client with any number of writes to send, at the pace that it finds.
type bulk struct {
	*testing.T
	pace
	server simulatedServer
	now    time.Time
	writes answers
	// lowest and highest are the bounds that there were.
	lowest, highest int
}

type sent struct{ began, ended time.Time }

// answers are the writes under way, the one that is answered first at the front.
type answers []sent

func (a answers) Len() int           { return len(a) }
func (a answers) Less(i, j int) bool { return a[i].ended.Before(a[j].ended) }
func (a answers) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *answers) Push(x any) {
	s, _ := x.(sent)
	*a = append(*a, s)
}
func (a *answers) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

func newBulk(t *testing.T, maximum int, server simulatedServer) *bulk {
	return &bulk{T: t, pace: newPace(maximum), server: server, now: time.Unix(0, 0), lowest: maximum}
}

// run lets it write for a while. It returns how many writes a second were answered, and how long they took on average.
func (b *bulk) run(d time.Duration) (rate float64, mean time.Duration) {
	end, n, sum := b.now.Add(d), 0, time.Duration(0)
	for b.now.Before(end) {
		b.waited = true
		for len(b.writes) < b.bound() {
			heap.Push(&b.writes, sent{b.now, b.server.answer(b.now)})
		}
		next, _ := heap.Pop(&b.writes).(sent)
		b.now = next.ended
		b.succeeded(next.began, next.ended)
		b.lowest, b.highest = min(b.lowest, b.bound()), max(b.highest, b.bound())
		n++
		sum += next.ended.Sub(next.began)
	}
	return float64(n) / d.Seconds(), sum / time.Duration(n)
}

// busy checks that the server is used, and that writes take no longer than they may.
func (b *bulk) busy(what string) {
	b.Helper()
	capacity := min(float64(time.Second)/float64(b.server.each), float64(b.max)/(b.server.delay+b.server.each).Seconds())
	base := b.server.delay + b.server.each
	longest := base + max(base, allowedQueueing)
	if rate, mean := b.run(2 * time.Second); rate < 0.95*capacity || mean > longest*6/5 {
		b.Errorf("%s: %.0f writes a second that take %s, at a bound of %d; want %.0f and at most %s", what, rate, mean,
			b.bound(), capacity, longest)
	}
}

func TestPace(t *testing.T) {
	for name, server := range map[string]simulatedServer{
		"two cores":          {delay: 2 * time.Millisecond, each: 700 * time.Microsecond},
		"a fast server":      {delay: time.Millisecond, each: 50 * time.Microsecond},
		"a slow server":      {delay: 2 * time.Millisecond, each: 10 * time.Millisecond},
		"a very slow server": {delay: 5 * time.Millisecond, each: 200 * time.Millisecond},
		"far away":           {delay: 80 * time.Millisecond, each: 2 * time.Millisecond},
		"an uneven server": {
			delay: 20 * time.Millisecond, each: 200 * time.Microsecond, uneven: rand.New(rand.NewPCG(1, 2)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBulk(t, 56, server)
			b.run(time.Minute)
			b.busy("when it has settled")
			if b.lowest < 1 || b.highest > 56 {
				t.Errorf("the bound was between %d and %d, want 1 and 56", b.lowest, b.highest)
			}
		})
	}
}

func TestPaceAfterAChange(t *testing.T) {
	quick := simulatedServer{delay: 2 * time.Millisecond, each: 700 * time.Microsecond}
	slow := simulatedServer{delay: 2 * time.Millisecond, each: 7 * time.Millisecond}
	far := simulatedServer{delay: 50 * time.Millisecond, each: 700 * time.Microsecond}
	b := newBulk(t, 56, quick)
	for _, phase := range []struct {
		name   string
		server simulatedServer
	}{{"at first", quick}, {"in a slow phase", slow}, {"after a slow phase", quick}, {"every write is slow", far},
		{"none is any more", quick}} {
		phase.server.free = b.now
		b.server = phase.server
		b.run(20 * time.Second)
		b.busy(phase.name)
	}
}

func TestPaceOverload(t *testing.T) {
	p := newPace(56)
	now := time.Unix(0, 0)
	p.overloaded(now, now.Add(time.Millisecond))
	p.overloaded(now, now.Add(2*time.Millisecond)) // sent before the first was answered
	if p.bound() != firstWrites/2 {
		t.Errorf("after one overload the bound is %d, want %d", p.bound(), firstWrites/2)
	}
	for range 20 {
		now = now.Add(time.Second)
		p.overloaded(now, now)
	}
	if p.bound() != 1 {
		t.Errorf("after many the bound is %d, want 1", p.bound())
	}
}

// TestPaceUnused: a bound that nothing waits for does not grow.
func TestPaceUnused(t *testing.T) {
	p := newPace(56)
	now := time.Unix(0, 0)
	for range 1000 {
		now = now.Add(10 * time.Millisecond)
		p.succeeded(now, now.Add(2*time.Millisecond))
	}
	if p.bound() != firstWrites {
		t.Errorf("the bound is %d, want %d", p.bound(), firstWrites)
	}
}

func TestPaceMaximum(t *testing.T) {
	for _, maximum := range []int{1, 2, 7} {
		b := newBulk(t, maximum, simulatedServer{delay: time.Millisecond, each: time.Microsecond})
		b.run(time.Second)
		if b.bound() != maximum || b.highest > maximum {
			t.Errorf("the bound is %d and was %d at the most, want %d", b.bound(), b.highest, maximum)
		}
	}
}
