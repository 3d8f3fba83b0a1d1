//go:build race

package annotations

// slowness is about how many times longer regular expressions take under the race detector.
const slowness = 20
