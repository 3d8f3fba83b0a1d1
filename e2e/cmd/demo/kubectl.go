package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// binDir returns the folder of kubectl and mirrorball.
func binDir(system *harness.System) string { return filepath.Dir(system.Kubectl()) }

// kubectl prints a command and runs it in a shell, with bin/kubectl in its PATH. Variables carry what must not be
// printed. It returns the output of the command.
func (s *scenario) kubectl(ctx context.Context, command string, variables ...string) (string, error) {
	s.screen.command(command)
	shell := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	shell.Env = append(os.Environ(),
		"KUBECONFIG="+s.system.Kubeconfig,
		"PATH="+binDir(s.system)+string(os.PathListSeparator)+os.Getenv("PATH"),
	)
	shell.Env = append(shell.Env, variables...)
	var stdout, stderr bytes.Buffer
	shell.Stdout, shell.Stderr = &stdout, &stderr
	if err := shell.Run(); err != nil {
		return "", fmt.Errorf("the command above failed: %w: %s", err,
			strings.TrimSpace(stderr.String()))
	}
	return stdout.String() + stderr.String(), nil
}
