//go:build !race

package annotations

// slowness is how many times more time matching may take than in a program as it is shipped.
const slowness = 1
