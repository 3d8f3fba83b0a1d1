//go:build unix && !linux

package process

import "syscall"

// sysProcAttr puts the child into its own group.
func sysProcAttr(Spec) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
