package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
)

// output is what a program has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// demo is one that was started, with a folder for all that it leaves: its processes can be told by it, too.
type demo struct {
	command   *exec.Cmd
	output    *output
	temporary string
	ended     chan error
}

func start(t *testing.T, args ...string) *demo {
	t.Helper()
	harness.TakeSlots(t, 1)
	program, err := repo.Program("demo", "devcluster")
	if err != nil {
		t.Fatal(err)
	}
	d := &demo{
		command: exec.Command(program, args...), output: &output{}, temporary: t.TempDir(), ended: make(chan error, 1),
	}
	d.command.Env = append(os.Environ(), "TMPDIR="+d.temporary)
	d.command.Stdout, d.command.Stderr = d.output, d.output
	if err := d.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.command.Process.Kill() })
	go func() { d.ended <- d.command.Wait() }()
	return d
}

// says waits until the demo has said something.
func (d *demo) says(t *testing.T, text string) {
	t.Helper()
	harness.Eventually(t, harness.FolderProgress(d.temporary), func() error {
		if said := d.output.String(); !strings.Contains(said, text) {
			return fmt.Errorf("it has not said %q:\n%s", text, said)
		}
		return nil
	})
}

// ends waits for the end of the demo, and returns how it went.
func (d *demo) ends(t *testing.T) error {
	t.Helper()
	progress := func(ctx context.Context) string {
		return harness.FolderProgress(d.temporary)(ctx) + d.output.String()
	}
	return harness.Receive(t, progress, d.ended, "the demo has not ended")
}

// leavesNothing waits until no process and no file of the demo is there any more.
func (d *demo) leavesNothing(t *testing.T) {
	t.Helper()
	harness.Eventually(t, harness.FolderProgress(d.temporary), func() error {
		if remaining := harness.ProcessesWith(t, d.temporary); len(remaining) > 0 {
			return fmt.Errorf("the processes %v are still there", remaining)
		}
		remaining, err := filepath.Glob(filepath.Join(d.temporary, "*"))
		if len(remaining) > 0 {
			return fmt.Errorf("still there: %q", remaining)
		}
		return err
	})
}

func exitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return 0
}

func TestDemo(t *testing.T) {
	t.Parallel()
	d := start(t)
	if err := d.ends(t); err != nil {
		t.Fatalf("%v\n%s", err, d.output)
	}
	d.says(t, "The demo is complete")
	d.leavesNothing(t)
}

// TestInterruptedDemo: a demo that is interrupted leaves nothing behind.
func TestInterruptedDemo(t *testing.T) {
	for name, tc := range map[string]struct {
		args   []string
		until  string
		signal syscall.Signal
		want   int
	}{
		"SIGINT while the control plane starts": {nil, "etcd is ready", syscall.SIGINT, exitInterrupted},
		"SIGTERM while the steps run":           {nil, "the controller is ready", syscall.SIGTERM, exitInterrupted},
		"SIGTERM when it stays":                 {[]string{"--stay"}, "Everything keeps running", syscall.SIGTERM, 0},
		"SIGKILL when it stays":                 {[]string{"--stay"}, "Everything keeps running", syscall.SIGKILL, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t, tc.args...)
			d.says(t, tc.until)
			if len(harness.ProcessesWith(t, d.temporary)) == 0 {
				t.Fatal("no process has the demo's folder in its arguments: this test would see none")
			}
			if err := d.command.Process.Signal(tc.signal); err != nil {
				t.Fatal(err)
			}
			if code := exitCode(d.ends(t)); code != tc.want {
				t.Errorf("exit code %d, want %d\n%s", code, tc.want, d.output)
			}
			d.leavesNothing(t)
		})
	}
}
