package harness

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// OwnSystem starts a control plane for one test, which ends with it; the test can start, stop and break what it wants.
// It waits for a slot first: a test that holds one must not call it.
func OwnSystem(t testing.TB, options Options) *System {
	t.Helper()
	TakeSlots(t, 1)
	system, err := Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := system.Close(); err != nil {
			t.Errorf("end the control plane: %v", err)
		}
	})
	return system
}

// Controller starts the controller for one test. After the test it is stopped, unless the test did, and that it ends
// well is part of the test; the end of its log is shown when the test failed.
func (s *System) Controller(t testing.TB, args ...string) *Controller {
	t.Helper()
	controller, err := s.StartController(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), StopLimit)
		defer cancel()
		if err := controller.Stop(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the end of the controller's log:\n%s", controller.LogTail())
		}
	})
	return controller
}

// ProcessesWith are the processes that have the text in their arguments, such as a folder that only they use. A zombie
// has none any more: it is whoever inherited it that is slow to bury it.
func ProcessesWith(t testing.TB, text string) (pids []int) {
	t.Helper()
	list, err := exec.Command("ps", "-A", "-ww", "-o", "pid=", "-o", "args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(list)) {
		var pid int
		if _, err := fmt.Sscan(line, &pid); err == nil && strings.Contains(line, text) {
			pids = append(pids, pid)
		}
	}
	return pids
}
