// Package repo finds the checkout's folders and the programs that make built.
package repo

import (
	"fmt"
	"os"
	"path/filepath"
)

// Root is the top of the checkout: the nearest folder upwards of the working directory that has e2e/go.mod.
func Root() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "e2e", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is in no checkout of Mirrorball (no e2e/go.mod above it): run this from inside one", start)
		}
	}
}

// Program is the path of a program in the checkout's bin folder; the error says how to build a missing one.
func Program(name, target string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("bin/%s is not built yet; `make %s` builds it: %w", name, target, err)
	}
	return path, nil
}
