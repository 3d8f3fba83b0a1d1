package simulation

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// random is a source of random numbers, determined by a seed, a name and a number.
type random struct{ *rand.Rand }

func newRandom(seed uint64, name string, n int) random {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return random{rand.New(rand.NewPCG(seed, h.Sum64()+uint64(n)*0x9e3779b97f4a7c15))}
}

// oneIn reports true once in n times.
func (r random) oneIn(n int) bool { return r.IntN(n) == 0 }

// percent reports true in p of 100 times.
func (r random) percent(p int) bool { return r.IntN(100) < p }

// between returns a duration from low up to high.
func (r random) between(low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)))
}

func pick[T any](r random, from ...T) T { return from[r.IntN(len(from))] }
