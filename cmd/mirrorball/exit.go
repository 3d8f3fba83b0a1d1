package main

import (
	"errors"
	"fmt"
	"strings"
)

// The exit codes of all commands. They are part of the interface: the help texts, docs/flags.md and docs/audit.md list
// them.
const (
	// exitDone means that the command succeeded, or that the controller stopped on a signal.
	exitDone = 0
	// exitFailed means that the running controller ended: it lost the lease, it failed, or a second signal interrupted it.
	exitFailed = 1
	// exitFindings means that a command that reads found something.
	exitFindings = 1
	// exitUnable means that the command could not start: wrong command line, kubeconfig, port or cluster. Of a command
	// that reads it also means that it could not tell everything.
	exitUnable = 2
)

// exitCodesHelp are the exit codes of `mirrorball run`.
const exitCodesHelp = `Exit codes:
  0  stopped by SIGTERM or SIGINT, after the writes in flight were finished
  1  ended while running: the lease was lost, the controller failed, or a second signal interrupted the shutdown
  2  could not start: wrong flag, unreadable kubeconfig, unreachable cluster, missing permissions, port in use or
     unreadable rules`

// exitError is an error with the exit code of the process.
type exitError struct {
	code int
	err  error
	// logged reports whether the error was logged, so that it is not printed a second time.
	logged bool
}

func (e *exitError) Error() string { return e.err.Error() }

func (e *exitError) Unwrap() error { return e.err }

// unable returns the error of a command that could not start. Its text says what happened, why, and what to do.
func unable(format string, args ...any) *exitError {
	return &exitError{code: exitUnable, err: fmt.Errorf(format, args...)}
}

// outcome returns the error, printed already, that gives a command that reads its exit code.
func outcome(unknown []string, found bool) error {
	switch {
	case len(unknown) > 0:
		return &exitError{code: exitUnable, err: errors.New(strings.Join(unknown, "; ")), logged: true}
	case found:
		return &exitError{code: exitFindings, err: errors.New("there are findings"), logged: true}
	}
	return nil
}

// usageError returns the error of a wrong command line, with a reference to the help.
func usageError(err error) *exitError {
	return unable("%w; run 'mirrorball --help' for the commands, 'mirrorball COMMAND --help' for the flags of one", err)
}
