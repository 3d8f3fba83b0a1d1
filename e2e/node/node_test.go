package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

// TestNothingLeft: whatever ends a cluster with a node, nothing of it is left on the machine.
func TestNothingLeft(t *testing.T) {
	if err := node.Check(); err != nil {
		t.Skip(err)
	}
	for name, tc := range map[string]struct {
		until string
		end   func(t *testing.T, d *devcluster, first int)
	}{
		"SIGTERM when it is ready": {"Ctrl-C ends it", func(t *testing.T, d *devcluster, _ int) {
			d.signal(t, syscall.SIGTERM)
		}},
		"SIGKILL of devcluster when it is ready": {"Ctrl-C ends it", func(t *testing.T, d *devcluster, _ int) {
			d.signal(t, syscall.SIGKILL)
		}},
		"SIGKILL of devcluster while it starts": {"containerd is ready", func(t *testing.T, d *devcluster, _ int) {
			d.signal(t, syscall.SIGKILL)
		}},
		"SIGKILL of the node's first process": {"Ctrl-C ends it", func(t *testing.T, _ *devcluster, first int) {
			if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			harness.TakeSlots(t, 1)
			before := machine(t)
			d := start(t)
			d.says(t, tc.until)
			first := d.first(t)
			namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", first))
			if err != nil {
				t.Fatal(err)
			}
			tc.end(t, d, first)
			_ = harness.Receive(t, harness.FolderProgress(d.temporary), d.ended, "devcluster has not ended")
			harness.Eventually(t, harness.FolderProgress(d.temporary), func() error { return d.traces(t, namespace) })
			if after := machine(t); after != before {
				t.Errorf("the machine is another one than before:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

// devcluster is a `devcluster up --node` that was started, with a folder for all that it leaves.
type devcluster struct {
	command   *exec.Cmd
	temporary string
	output    string // a file
	ended     chan error
}

func start(t *testing.T) *devcluster {
	t.Helper()
	program, err := repo.Program("devcluster", "devcluster")
	if err != nil {
		t.Fatal(err)
	}
	d := &devcluster{temporary: t.TempDir(), ended: make(chan error, 1)}
	d.output = filepath.Join(t.TempDir(), "output")
	output, err := os.Create(d.output)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	d.command = exec.Command(program, "up", "--node", "--kubeconfig", filepath.Join(t.TempDir(), "kubeconfig"))
	d.command.Env = append(os.Environ(), "TMPDIR="+d.temporary)
	d.command.Stdout, d.command.Stderr = output, output
	if err := d.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.command.Process.Kill() })
	go func() { d.ended <- d.command.Wait() }()
	return d
}

// says waits until devcluster has said something.
func (d *devcluster) says(t *testing.T, text string) {
	t.Helper()
	harness.Eventually(t, harness.FolderProgress(d.temporary), func() error {
		said, err := os.ReadFile(d.output)
		if err == nil && !strings.Contains(string(said), text) {
			err = fmt.Errorf("it has not said %q:\n%s", text, said)
		}
		return err
	})
}

func (d *devcluster) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := d.command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// first is the process whose end ends all others of the node.
func (d *devcluster) first(t *testing.T) int {
	t.Helper()
	for _, pid := range harness.ProcessesWith(t, d.temporary) {
		arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && bytes.Contains(arguments, []byte("devnode\x00init\x00")) {
			return pid
		}
	}
	t.Fatal("the node's first process is not there")
	return 0
}

// inNamespace are the processes in a PID namespace.
func inNamespace(t *testing.T, namespace string) (pids []string) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil && name == namespace {
			pids = append(pids, link)
		}
	}
	return pids
}

// traces are the processes, files and control groups that are left.
func (d *devcluster) traces(t *testing.T, namespace string) error {
	if pids := inNamespace(t, namespace); len(pids) > 0 {
		return fmt.Errorf("the processes %v are still there", pids)
	}
	if pids := harness.ProcessesWith(t, d.temporary); len(pids) > 0 {
		return fmt.Errorf("the processes %v are still there", pids)
	}
	for _, pattern := range []string{
		filepath.Join(d.temporary, "*"), "/sys/fs/cgroup/devcluster-node-*", "/sys/fs/cgroup/*/devcluster-node-*",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fmt.Errorf("still there: %q", found)
		}
	}
	return nil
}

// machine is what a node changes in its own namespaces only: mounts, network interfaces, settings of the kernel.
func machine(t *testing.T) string {
	t.Helper()
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	var mounts []string
	for line := range strings.Lines(string(table)) {
		if slices.Contains([]string{"/proc", "/run", "/var/lib", "/var/log"}, strings.Fields(line)[1]) {
			mounts = append(mounts, line)
		}
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range interfaces {
		names = append(names, one.Name)
	}
	slices.Sort(names)
	state := strings.Join(mounts, "") + strings.Join(names, " ")
	for _, setting := range []string{
		"vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward",
	} {
		value, err := os.ReadFile(filepath.Join("/proc/sys", setting))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		state += "\n" + setting + " " + string(value)
	}
	return state
}

// TestUnavailable: where no node can run, Start says so before it leaves anything.
func TestUnavailable(t *testing.T) {
	reason := node.Check()
	if reason == nil {
		t.Skip("a node can run on this machine")
	}
	if _, err := node.Start(context.Background(), node.Options{}); err == nil || err.Error() != reason.Error() {
		t.Errorf("expected the reason %q, got %v", reason, err)
	}
}
