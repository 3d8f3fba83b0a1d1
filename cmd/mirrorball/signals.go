package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/klog/v2"
)

// stopOnSignal is a context that ends with the first SIGTERM or SIGINT. A second one ends the process at once: the
// default action would not do, since the kernel spares a container's first process from it.
func stopOnSignal(parent context.Context) context.Context {
	ctx, cancel := context.WithCancel(parent)
	logger := klog.FromContext(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		first := <-signals
		logger.Info("stopping: finishing the work in hand, a second signal ends at once", "signal", first.String())
		cancel()
		second := <-signals
		logger.Info("ended by a second signal, with work in hand", "signal", second.String())
		os.Exit(exitFailed)
	}()
	return ctx
}
