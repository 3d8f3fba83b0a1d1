package main

import (
	"context"
	"path/filepath"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/screen"
)

// binDir returns the folder of kubectl and mirrorball.
func binDir(system *harness.System) string { return filepath.Dir(system.Kubectl()) }

// sh prints a command and runs it in a shell, with kubectl and mirrorball in its PATH.
func (s *scenario) sh(ctx context.Context, command string, variables ...string) (string, error) {
	shell := screen.Shell{Screen: s.screen, Kubeconfig: s.system.Kubeconfig, Path: []string{binDir(s.system)}}
	return shell.Run(ctx, command, variables...)
}
