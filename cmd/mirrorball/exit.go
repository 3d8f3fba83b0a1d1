package main

import "fmt"

// The exit codes of every command. They are part of the interface: the help texts and docs/flags.md name them.
const (
	// exitDone is a command that did what it was asked, and a controller that stopped when told to.
	exitDone = 0
	// exitFailed is a controller that was running and had to end: it lost its lease, or a second signal cut it short.
	exitFailed = 1
	// exitUnable is a command that could not begin: its command line, its kubeconfig, its port or the cluster.
	exitUnable = 2
)

const exitCodesHelp = `Exit codes:
  0  stopped as asked, by SIGTERM or SIGINT, after finishing the work in hand
  1  ended while running: the lease was lost, the work failed, or a second signal cut it short
  2  could not begin: a wrong flag, an unreadable kubeconfig, an unreachable cluster or missing permissions`

// exitError is an error with the exit code that it ends the process with.
type exitError struct {
	code int
	err  error
	// logged says that the log has the error already, so that it is not printed a second time.
	logged bool
}

func (e *exitError) Error() string { return e.err.Error() }

func (e *exitError) Unwrap() error { return e.err }

// unable is the error of a command that could not begin. Its text says what to do about it.
func unable(format string, args ...any) *exitError {
	return &exitError{code: exitUnable, err: fmt.Errorf(format, args...)}
}

// usageError is what cobra says of a wrong command line, with where to look next.
func usageError(err error) *exitError {
	return unable("%w; see 'mirrorball --help' for the commands and 'mirrorball COMMAND --help' for their flags", err)
}
