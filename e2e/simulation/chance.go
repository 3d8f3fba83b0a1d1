package simulation

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// chance is randomness that a seed and a name decide.
type chance struct{ *rand.Rand }

func newChance(seed uint64, name string, n int) chance {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return chance{rand.New(rand.NewPCG(seed, h.Sum64()+uint64(n)*0x9e3779b97f4a7c15))}
}

// oneIn is true once in n times.
func (c chance) oneIn(n int) bool { return c.IntN(n) == 0 }

// percent is true in p of 100 times.
func (c chance) percent(p int) bool { return c.IntN(100) < p }

// between is a time from low up to high.
func (c chance) between(low, high time.Duration) time.Duration {
	return low + time.Duration(c.Int64N(int64(high-low)))
}

func pick[T any](c chance, from ...T) T { return from[c.IntN(len(from))] }
