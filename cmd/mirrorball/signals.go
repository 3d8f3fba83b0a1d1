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

// sameSignal is how soon after the first a signal is still the first one: timeout(1) sends it to the process and once
// more to its group, and a terminal's Ctrl-C reaches a child that its parent then signals too.
const sameSignal = 250 * time.Millisecond

// stopOnSignal is a context that ends with the first SIGTERM or SIGINT. A second one ends the process at once: the
// default action would not do, since the kernel spares a container's first process from it.
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
	logger.Info("stopping: finishing the work in hand, a second signal ends at once", "signal", first.String())
	stop()
	for second := range signals {
		if time.Since(at) >= sameSignal {
			logger.Info("ended by a second signal, with work in hand", "signal", second.String())
			return
		}
	}
}
