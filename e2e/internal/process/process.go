// Package process starts child processes that cannot outlive the process that started them.
//
// Each child holds the read end of a pipe whose only write end is with its parent: whichever way the parent ends, kill
// -9 included, the kernel closes that end, and a child that called [TieToParent] at its start sees the end of the file
// and exits. Programs that know nothing of the pipe are ended by the kernel, on Linux only.
//
// Each child is in a process group of its own, so that a terminal's Ctrl-C reaches the parent alone, which then stops
// its children in the order it wants.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Spec says what to run.
type Spec struct {
	// Path is the program, Args its arguments without its name.
	Path string
	Args []string
	// Env is added to the parent's environment.
	Env []string
	// Log is a file that the child's stdout and stderr are appended to.
	Log string
	// Tied says that the program calls TieToParent, so that the kernel need not end it: it has last things to do.
	Tied bool
	// Files are inherited, after the pipe; the child need not know of them (a lock is held by being open).
	Files []*os.File
	// Isolated has the child start in a mount, a network and a PID namespace of its own: on Linux only, and only for root.
	Isolated bool
}

// Process is a child that was started.
type Process struct {
	cmd      *exec.Cmd
	lifeline *os.File
	done     chan struct{}
	err      error // how it ended; read only when done is closed

	mu       sync.Mutex
	expected bool // we asked it to end
}

// Start starts the child. The program is running, not ready, when Start returns.
func Start(spec Spec) (*Process, error) {
	log, err := os.OpenFile(spec.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", spec.Path, err)
	}
	defer log.Close() // the child has its own descriptor

	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make the pipe that ties %s to this process: %w", spec.Path, err)
	}
	defer read.Close()

	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = append([]*os.File{read}, spec.Files...)
	cmd.Env = append(append(os.Environ(), spec.Env...), lifelineEnv+"="+strconv.Itoa(firstExtraFile))
	cmd.SysProcAttr = sysProcAttr(spec)

	p := &Process{cmd: cmd, lifeline: write, done: make(chan struct{})}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		write.Close()
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	return p, nil
}

// run starts the child and waits for it, both on one thread that does nothing else: Linux's parent-death signal is sent
// when the thread that forked ends, not the process.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	p.err = p.cmd.Wait()
	p.lifeline.Close()
	close(p.done)
}

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running says whether the child has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Expected says whether the child was asked to end, by Stop or by Kill.
func (p *Process) Expected() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.expected
}

// Err waits for the child's end and tells how it went: nil for exit code 0.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// Stop asks the child to end (SIGTERM), waits for it, and kills it when ctx ends first, which is an error. An exit code
// other than 0 is none; see Err.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		err := p.Kill()
		return errors.Join(fmt.Errorf("pid %d did not end on SIGTERM in time and was killed: %w", p.PID(), ctx.Err()), err)
	}
}

// StopWithin is Stop with a limit of its own.
func (p *Process) StopWithin(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return p.Stop(ctx)
}

// Kill ends the child by SIGKILL and waits for its end.
func (p *Process) Kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

func (p *Process) signal(sig os.Signal) error {
	p.mu.Lock()
	p.expected = true
	p.mu.Unlock()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to pid %d: %w", sig, p.PID(), err)
	}
	return nil
}
