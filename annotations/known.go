package annotations

import (
	"slices"
	"strings"
)

// isMark reports whether a controller writes a key on what it made or filled. By itself it means nothing. Most
// objects that have such keys are replicas, so that Has can pass over them.
func isMark(key string) bool {
	switch key {
	case LabelReplica, LabelSourceNamespace, LabelSourceName, ReplicaOf, ReplicatedAt, CopiedLabels, CopiedAnnotations,
		ReplicatedKeys, KeptOnDelete, Attached,
		reflectorAutoReflects, reflectorVersion, reflectorReflectedAt,
		replicatorAt, replicatorKeys:
		return true
	}
	return false
}

// isPolicyKey reports whether a key is part of a source's policy, in some dialect.
func isPolicyKey(key string) bool {
	return slices.Contains(nativeSourceKeys, key) ||
		slices.Contains(reflectorSourceKeys, key) ||
		slices.Contains(replicatorSourceKeys, key)
}

// unknownReason returns the reason for a key that Mirrorball does not read, with the key that was probably meant.
func unknownReason(key string) string {
	best, distance := "", 3
	for _, known := range knownKeys() {
		if d := editDistance(key, known, distance); d < distance {
			best, distance = known, d
		}
	}
	if best == "" {
		return "is not a key that Mirrorball reads"
	}
	return "is not a key that Mirrorball reads: did you mean " + best + "?"
}

// knownKeys returns all keys that people write.
func knownKeys() []string {
	return slices.Concat(nativeSourceKeys, []string{PullFrom, AcceptFrom, AcceptAttachFrom},
		reflectorSourceKeys, []string{reflectorReflects},
		replicatorSourceKeys, []string{replicatorFrom})
}

// editDistance returns how many letters must be added, removed, replaced or swapped with their neighbour to turn a into
// b, or limit if that is lower.
func editDistance(a, b string, limit int) int {
	prefix, _, _ := strings.Cut(b, "/")
	if !strings.HasPrefix(a, prefix+"/") || len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	a, b = a[len(prefix)+1:], b[len(prefix)+1:]
	before, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return min(previous[len(b)], limit)
}
