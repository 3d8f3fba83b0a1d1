package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// slotInterval is how often a test that waits for a slot looks for one.
const slotInterval = 100 * time.Millisecond

// Slots waits for n slots and returns a function that gives them back. There are as many slots as cores on this
// machine, for all test processes of this user: no more control planes than that should run at once. More slots than
// there are count as all of them.
//
// Nobody may ask for a slot while they hold one, or two of them could wait for each other: who runs two control planes
// at once asks for both. A slot is a locked file, so that the kernel gives it back when the process ends.
func Slots(ctx context.Context, n int) (release func(), err error) {
	return slots{dir: filepath.Join(os.TempDir(), fmt.Sprintf("mirrorball-e2e-slots-%d", os.Getuid()))}.take(ctx, n)
}

// TakeSlots is Slots for a test, which gives them back when it ends.
func TakeSlots(t testing.TB, n int) {
	t.Helper()
	release, err := Slots(t.Context(), n)
	if err != nil {
		t.Fatalf("wait for a control plane's slot: %v", err)
	}
	t.Cleanup(release)
}

// slots are the slots that have their files in dir; count is their number, 0 for the number of cores.
type slots struct {
	dir   string
	count int
}

func (s slots) take(ctx context.Context, n int) (release func(), err error) {
	if s.count == 0 {
		s.count = runtime.GOMAXPROCS(0)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the slots: %w", err)
	}
	// One at a time collects slots, so that two who need several do not hold what the other one lacks.
	turn, err := s.lock(ctx, "turn")
	if err != nil {
		return nil, err
	}
	defer turn.Close()
	var held []*os.File
	release = func() {
		for _, slot := range held {
			slot.Close()
		}
	}
	for range min(n, s.count) {
		slot, err := s.lock(ctx, s.names()...)
		if err != nil {
			release()
			return nil, err
		}
		held = append(held, slot)
	}
	return release, nil
}

func (s slots) names() []string {
	names := make([]string, s.count)
	for i := range names {
		names[i] = fmt.Sprintf("slot-%d", i)
	}
	return names
}

// lock waits until one of these files is unlocked, and locks it until it is closed.
func (s slots) lock(ctx context.Context, names ...string) (*os.File, error) {
	ticker := time.NewTicker(slotInterval)
	defer ticker.Stop()
	for {
		for _, name := range names {
			if file, err := tryLock(filepath.Join(s.dir, name)); file != nil || err != nil {
				return file, err
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tryLock returns nil, nil when somebody else has the lock.
func tryLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return file, nil
	}
	file.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}
