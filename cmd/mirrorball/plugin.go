package main

import (
	"path/filepath"
	"strings"
)

// invocation returns the name under which the program runs, and its arguments. kubectl runs kubectl-mirrorball for
// `kubectl mirrorball`, and kubectl_complete-mirrorball with what is to be completed.
func invocation(argv []string) (name string, args []string) {
	switch strings.TrimSuffix(filepath.Base(argv[0]), ".exe") {
	case "kubectl-mirrorball":
		return "kubectl mirrorball", argv[1:]
	case "kubectl_complete-mirrorball":
		return "kubectl mirrorball", append([]string{"__complete"}, argv[1:]...)
	}
	return "mirrorball", argv[1:]
}
