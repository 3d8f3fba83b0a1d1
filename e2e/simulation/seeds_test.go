//go:build !race

package simulation

// defaultSeeds are how many histories the tests run.
const defaultSeeds = 300
