//go:build linux

package inside

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

// settings of the whole machine's kernel are what the kubelet wants them to be, as far as it can see: it would write
// them if they were not.
var settings = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// mount makes the mounts of the node. They are in its own mount namespace only, and go away with it.
func mount() error {
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc for the PID namespace: %w", err)
	}
	for _, folder := range node.Hidden {
		// Memory, which nobody has to remove.
		if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount an empty %s: %w", folder, err)
		}
	}
	for name, value := range settings {
		if err := coverSetting(name, value); err != nil {
			return fmt.Errorf("cover the kernel's setting %s: %w", name, err)
		}
	}
	return nil
}

// coverSetting has a file with this value stand where the kernel's setting is.
func coverSetting(name, value string) error {
	setting := filepath.Join("/proc/sys", name)
	if _, err := os.Stat(setting); os.IsNotExist(err) {
		return nil // this kernel lacks it
	}
	cover := filepath.Join("/run", strings.ReplaceAll(name, "/", "."))
	if err := os.WriteFile(cover, []byte(value+"\n"), 0o644); err != nil {
		return err
	}
	return syscall.Mount(cover, setting, "", syscall.MS_BIND, "")
}

// Probe makes the mounts, in the namespaces that this process was started in, and nothing else.
func Probe() error { return mount() }
