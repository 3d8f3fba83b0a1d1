package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

// sameSignal is the time after the first signal in which another one counts as the same: timeout(1) signals the process
// and then its group, and Ctrl-C in a terminal reaches a child that its parent then signals too.
const sameSignal = 250 * time.Millisecond

// stopOnSignal returns a context that is cancelled by the first SIGTERM or SIGINT. A second signal exits the process at
// once. The default action would not work, because the kernel does not apply it to the first process of a container.
func stopOnSignal(parent context.Context) context.Context {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		obeySignals(klog.FromContext(parent), signals, cancel)
		os.Exit(exitFailed)
	}()
	return ctx
}

// obeySignals calls stop for the first signal and returns at the second one.
func obeySignals(logger logr.Logger, signals <-chan os.Signal, stop func()) {
	first := <-signals
	at := time.Now()
	logger.Info("stopping: finishing the writes in flight; a second signal exits at once", "signal", first.String())
	stop()
	for second := range signals {
		if time.Since(at) >= sameSignal {
			logger.Info("exiting at once on a second signal; writes in flight are abandoned", "signal", second.String())
			return
		}
	}
}
