package process

import (
	"io"
	"os"
	"strconv"
	"syscall"
)

const (
	// lifelineEnv tells a child which descriptor its pipe is.
	lifelineEnv = "DEVCLUSTER_LIFELINE"
	// firstExtraFile is the number of the first of exec.Cmd's ExtraFiles in the child.
	firstExtraFile = 3
)

// TieToParent makes this process exit when the process that started it by [Start] ends; before it exits it calls last,
// if there is one. It says whether there is such a parent; without one it does nothing.
func TieToParent(last func()) bool {
	fd, err := strconv.Atoi(os.Getenv(lifelineEnv))
	if err != nil {
		return false
	}
	syscall.CloseOnExec(fd)
	lifeline := os.NewFile(uintptr(fd), "lifeline")
	go func() {
		_, _ = io.Copy(io.Discard, lifeline)
		if last != nil {
			last()
		}
		os.Exit(1)
	}()
	return true
}
