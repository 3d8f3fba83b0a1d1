package process

import "syscall"

// sysProcAttr puts the child into its own group and, unless it ties itself, has the kernel end it with its parent.
func sysProcAttr(spec Spec) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if !spec.Tied {
		attr.Pdeathsig = syscall.SIGKILL
	}
	if spec.Isolated {
		attr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID
	}
	return attr
}
