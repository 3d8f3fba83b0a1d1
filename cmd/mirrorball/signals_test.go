package main

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
)

// TestSecondSignal: a second signal ends the process at once, a repetition of the first one does not.
func TestSecondSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 8)
		stopped, returned := false, false
		go func() {
			obeySignals(logr.Discard(), signals, func() { stopped = true })
			returned = true
		}()
		synctest.Wait()
		if stopped {
			t.Fatal("stopped without a signal")
		}

		signals <- syscall.SIGTERM
		signals <- syscall.SIGTERM
		synctest.Wait()
		if !stopped || returned {
			t.Errorf("after the first signal and its echo: stopped %t, returned %t, want true, false", stopped, returned)
		}

		<-time.After(sameSignal)
		signals <- syscall.SIGINT
		synctest.Wait()
		if !returned {
			t.Error("a second signal did not end it")
		}
	})
}
