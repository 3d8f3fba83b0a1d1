package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// auditFigures compares `mirrorball audit` with kubectl's list of all Secrets, over what a case has made.
func (b *bench) auditFigures(ctx context.Context, replicas float64) ([]Figure, error) {
	var audit, list, ratio, peak []float64
	for round := range b.options.Rounds {
		seconds, megabytes, err := b.command(ctx, b.system.Mirrorball(), "audit", "--kubeconfig", b.system.Kubeconfig,
			"--mirrorball-namespace", "mirrorball-system", "-o", "json", "--fail-on", "none")
		if err != nil {
			return nil, err
		}
		reference, _, err := b.command(ctx, b.system.Kubectl(), "get", "secrets", "-A", "-o", "json",
			"--kubeconfig", b.system.Kubeconfig)
		if err != nil {
			return nil, err
		}
		audit, list, peak = append(audit, seconds), append(list, reference), append(peak, megabytes)
		ratio = append(ratio, seconds/reference)
		b.say("round %d: audit takes %.1f s and %.0f MB, kubectl %.1f s", round+1, seconds, megabytes, reference)
	}
	return []Figure{
		{
			Name: fmt.Sprintf("`mirrorball audit` over %.0f replicas, against `kubectl get secrets -A -o json`", replicas),
			Unit: "×", Values: ratio, Goal: "at most 0.5 ×", Limit: 0.5,
			Raw: []Series{{"audit", "s", audit}, {"kubectl", "s", list}},
		},
		{
			Name: fmt.Sprintf("peak RSS of `mirrorball audit` over %.0f replicas", replicas), Unit: "MB", Values: peak,
			Goal: "at most 300 MB", Limit: 300,
		},
	}, nil
}

// command runs a command whose output nobody reads, and returns how long it took and what memory it needed at most.
func (b *bench) command(ctx context.Context, name string, args ...string) (seconds, megabytes float64, err error) {
	command := exec.CommandContext(ctx, name, args...)
	command.Stderr = os.Stderr
	begin := time.Now()
	if err := command.Run(); err != nil {
		return 0, 0, fmt.Errorf("%s %s: %w", name, args[0], err)
	}
	took := time.Since(begin).Seconds()
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, 0, errors.New("the system does not say what a process needed")
	}
	return took, float64(usage.Maxrss) * 1024 / 1e6, nil
}
