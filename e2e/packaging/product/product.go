// Package product builds the mirrorball program from a checkout, so that two builds of one commit are equal.
package product

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Module is the path of the product's Go module, and Package that of its program.
const (
	Module  = "github.com/mirrorball-dev/mirrorball"
	Package = Module + "/cmd/mirrorball"
)

// Platform is an operating system and an architecture, as Go names them.
type Platform struct{ OS, Arch string }

func (p Platform) String() string { return p.OS + "/" + p.Arch }

// Source is a checkout that is built as a version.
type Source struct {
	// Dir is the top of the checkout.
	Dir     string
	Version string
	// Commit and Time are those of the last commit. Nothing that is built has the time of the build.
	Commit string
	Time   time.Time
}

// Open reads the last commit of the checkout.
func Open(ctx context.Context, dir, version string) (Source, error) {
	s := Source{Dir: dir, Version: version}
	out, err := s.command(ctx, "git", "log", "-1", "--format=%H %ct").Output()
	if err != nil {
		return s, fmt.Errorf("read the last commit of %s: %w; build from a git checkout", dir, explain(err))
	}
	commit, seconds, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return s, fmt.Errorf("read the time of the last commit of %s: %w", dir, err)
	}
	s.Commit, s.Time = commit, time.Unix(unix, 0).UTC()
	return s, nil
}

// Build writes the static program for a platform to the file.
func (s Source) Build(ctx context.Context, p Platform, file string) error {
	command := s.command(ctx, "go", "build", "-trimpath", "-buildvcs=true",
		"-ldflags", "-s -w -X main.version="+s.Version, "-o", file, Package)
	command.Env = s.environment(p)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build for %s: %w: %s", p, err, bytes.TrimSpace(out))
	}
	return nil
}

// Go runs a go command in the checkout, as for a build for the platform, and returns what it prints.
func (s Source) Go(ctx context.Context, p Platform, args ...string) ([]byte, error) {
	command := s.command(ctx, "go", args...)
	command.Env = s.environment(p)
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w", strings.Join(args, " "), explain(err))
	}
	return out, nil
}

func (s Source) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = s.Dir
	return command
}

// environment overrides what would make the program differ between machines.
func (s Source) environment(p Platform) []string {
	return append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOAMD64=v1", "GOARM64=v8.0",
		"GOOS="+p.OS, "GOARCH="+p.Arch)
}

// explain adds what the command wrote to stderr.
func explain(err error) error {
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output returns it unwrapped
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return err
}

// Changes returns what git says of files that differ from the commit: nothing if there are none.
func (s Source) Changes(ctx context.Context) (string, error) {
	out, err := s.command(ctx, "git", "status", "--porcelain").Output()
	if err != nil {
		return "", fmt.Errorf("look for changes in %s: %w", s.Dir, explain(err))
	}
	return string(bytes.TrimSpace(out)), nil
}
