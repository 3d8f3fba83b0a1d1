package main

import (
	"context"
	"runtime/debug"

	"github.com/mirrorball-dev/mirrorball/replicator"
)

// startGCPercent is how much garbage, in percent of what is in use, the heap may hold while the caches are filled.
const startGCPercent = 25

// runFrugally runs the controller, whose caches are filled from here on. The first lists are the peak of a process's
// memory: all objects of the cluster pass through, and little of them stays. So garbage is collected more eagerly
// meanwhile, and what it took is given back at once, instead of minutes later.
func runFrugally(ctx context.Context, c *replicator.Controller) error {
	usual := debug.SetGCPercent(startGCPercent)
	go func() {
		c.WaitForSync(ctx)
		debug.SetGCPercent(usual)
		debug.FreeOSMemory()
	}()
	return c.Run(ctx)
}
