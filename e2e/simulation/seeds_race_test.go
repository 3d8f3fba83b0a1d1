//go:build race

package simulation

// defaultSeeds are how many histories the tests run: fewer, since the race detector makes each take several times as long.
const defaultSeeds = 100
