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

// binDir is the folder of kubectl and mirrorball.
func binDir(system *harness.System) string { return filepath.Dir(system.Kubectl()) }

// kubectl shows a command and runs it as it stands, by a shell, with bin/kubectl in its PATH; variables are for what
// is not to be shown. It returns what the command printed.
func (s *story) kubectl(ctx context.Context, command string, variables ...string) (string, error) {
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
		return "", fmt.Errorf("expected the command above to succeed, seen: %w: %s", err,
			strings.TrimSpace(stderr.String()))
	}
	return stdout.String() + stderr.String(), nil
}
