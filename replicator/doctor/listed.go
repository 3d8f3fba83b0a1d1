package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// listLimit is the number of names in a list of a message.
const listLimit = 5

// listed joins sorted names, and counts those that are too many.
func listed(names []string) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if more := len(names) - listLimit; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:listLimit], ", "), more)
	}
	return strings.Join(names, ", ")
}
