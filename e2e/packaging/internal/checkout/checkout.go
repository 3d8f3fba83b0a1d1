// Package checkout gives tests a checkout of their own, in which a commit has everything that this checkout contains.
package checkout

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
)

// Clone clones this checkout into the folder. Changes that are not committed here are a commit there, always the same
// one for the same changes.
func Clone(t *testing.T, dir string) {
	t.Helper()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	// An index of its own, so that what is staged here stays so.
	index := "GIT_INDEX_FILE=" + filepath.Join(t.TempDir(), "index")
	git(t, root, index, "read-tree", "HEAD")
	git(t, root, index, "add", "--all")
	commit := git(t, root, index, "rev-parse", "HEAD")
	tree := git(t, root, index, "write-tree")
	if tree != git(t, root, index, "rev-parse", "HEAD^{tree}") {
		commit = git(t, root, index, "commit-tree", tree, "-p", commit, "-m", "what is not committed yet")
	}
	// The new commit has no name, so only a clone that shares the objects has it.
	git(t, root, index, "clone", "--quiet", "--shared", "--no-checkout", root, dir)
	git(t, dir, "", "checkout", "--quiet", "--detach", commit)
}

// Again clones a clone into another folder, at the same commit.
func Again(t *testing.T, from, dir string) {
	t.Helper()
	commit := git(t, from, "", "rev-parse", "HEAD")
	git(t, from, "", "clone", "--quiet", "--shared", "--no-checkout", from, dir)
	git(t, dir, "", "checkout", "--quiet", "--detach", commit)
}

func git(t *testing.T, dir, environment string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", args...)
	command.Dir = dir
	const who, when = "test", "2026-01-01T00:00:00Z"
	command.Env = append(os.Environ(), environment, "GIT_AUTHOR_NAME="+who, "GIT_AUTHOR_EMAIL="+who,
		"GIT_COMMITTER_NAME="+who, "GIT_COMMITTER_EMAIL="+who, "GIT_AUTHOR_DATE="+when, "GIT_COMMITTER_DATE="+when)
	var problems bytes.Buffer
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, problems.String())
	}
	return strings.TrimSpace(string(out))
}
