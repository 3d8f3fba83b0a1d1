//go:build !race

package simulation

// defaultSeeds is how many histories the tests run.
const defaultSeeds = 300
