package main

import (
	"context"
	"errors"
	"runtime/debug"

	"github.com/mirrorball-dev/mirrorball/replicator"
)

// startGCPercent is the value of GOGC while the caches are filled.
const startGCPercent = 25

// fillFrugally saves memory until the caches are filled, those of a standby or of a leader. It peaks during the initial
// lists: all objects of the cluster are decoded, and little of each is kept. So the garbage collector runs more often
// until the caches have synced, and the memory is then returned to the operating system at once.
func fillFrugally(ctx context.Context, c *replicator.Controller) {
	usual := debug.SetGCPercent(startGCPercent)
	go func() {
		c.WaitForSync(ctx)
		debug.SetGCPercent(usual)
		debug.FreeOSMemory()
	}()
}

// checkRules ends the start of a process that could not lead: the operator's rules are unreadable.
func checkRules(ctx context.Context, c *replicator.Controller) error {
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	return explainRules(c.CheckRules(ctx))
}

// explainRules returns the error of unreadable rules with its exit code.
func explainRules(err error) error {
	if _, ok := errors.AsType[*replicator.UnreadableRulesError](err); ok {
		return unable("%w", err)
	}
	return err
}
