package process

import "syscall"

// sysProcAttr puts the child into its own group and, unless it ties itself, has the kernel end it with its parent.
func sysProcAttr(tied bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if !tied {
		attr.Pdeathsig = syscall.SIGKILL
	}
	return attr
}
