//go:build race

package simulation

// defaultSeeds is how many histories the tests run: fewer, since each takes several times as long with the race
// detector.
const defaultSeeds = 100
