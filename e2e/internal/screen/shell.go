package screen

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Shell runs commands for a demo.
type Shell struct {
	Screen *Screen
	// Kubeconfig connects kubectl to the cluster, Path is searched for programs before the rest.
	Kubeconfig string
	Path       []string
}

// Run prints a command and runs it in a shell. Variables carry what must not be printed. It returns the output of the
// command.
func (s Shell) Run(ctx context.Context, command string, variables ...string) (string, error) {
	s.Screen.Command(command)
	shell := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	path := append(append([]string{}, s.Path...), os.Getenv("PATH"))
	shell.Env = append(os.Environ(),
		"KUBECONFIG="+s.Kubeconfig, "PATH="+strings.Join(path, string(filepath.ListSeparator)))
	shell.Env = append(shell.Env, variables...)
	var stdout, stderr bytes.Buffer
	shell.Stdout, shell.Stderr = &stdout, &stderr
	if err := shell.Run(); err != nil {
		return "", fmt.Errorf("the command above failed: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String() + stderr.String(), nil
}
