package simulation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
	"github.com/mirrorball-dev/mirrorball/replicator/liveness"
)

// World is a cluster in which one history runs.
type World struct {
	history   History
	server    *apiservertest.Server
	network   *network
	oracle    *oracle
	workload  *workload
	processes []*process
	started   int
	begin     time.Time
	trace     []string
	// unattended is set for a time in which no controller runs, whatever starts one.
	unattended bool
}

// Result is the outcome of a history.
type Result struct {
	// Violation says how the first rule was violated; empty if none was.
	Violation string
	// Rule is the name of that rule.
	Rule string
	// Trace is what happened, a line for each step and write.
	Trace  []string
	Faults map[string]int
	// Steps counts the steps, Writes the controller's writes.
	Steps, Writes int
}

// Run runs a history. It must be called in a bubble of testing/synctest.
func Run(ctx context.Context, h History) (Result, error) {
	w, err := newWorld(h)
	if err != nil {
		return Result{}, err
	}
	defer w.server.Close()
	defer w.end()
	if err := w.run(ctx); err != nil {
		return Result{}, err
	}
	return Result{
		Violation: w.oracle.violation, Rule: w.oracle.rule, Trace: w.trace, Faults: w.network.faultCounts(),
		Steps: len(h.Steps), Writes: w.oracle.writes,
	}, nil
}

// newWorld returns a cluster in which nothing has happened yet.
func newWorld(h History) (*World, error) {
	w := &World{history: h, begin: time.Now()}
	w.oracle = newOracle(h.Settings, w.log)
	w.server = apiservertest.New(apiservertest.Options{
		OnCommit: w.oracle.commit, Termination: 2 * time.Second, NoWatchList: h.Settings.NoWatchList,
	})
	w.network = newNetwork(h.Seed, w.server, func(n int) {
		w.oracle.locked(func() {
			w.oracle.violate(ruleEndless, fmt.Sprintf("there have been %d requests, and they do not end", n))
		})
	})
	var err error
	w.workload, err = newWorkload(w.server)
	return w, err
}

func (w *World) log(line string) {
	w.trace = append(w.trace, fmt.Sprintf("%12s  %s", time.Since(w.begin).Round(time.Millisecond), line))
}

func (w *World) run(ctx context.Context) error {
	if err := w.setUp(ctx); err != nil {
		return err
	}
	w.start()
	if w.history.Settings.Lease {
		w.start() // a standby
	}
	w.take(ctx, w.history.Steps)
	if w.oracle.violation != "" {
		return nil
	}
	if w.oracle.documentUnreadable() { // a history that was minimized may end so, and then no controller starts
		if err := w.workload.writeRules(ctx, openRules); err != nil {
			return fmt.Errorf("mend the rules: %w", err)
		}
	}
	return w.finish()
}

// setUp makes what every history begins with.
func (w *World) setUp(ctx context.Context) error {
	namespaces := permanentNamespaces
	if w.history.Settings.Hostile {
		namespaces = slices.Concat(namespaces, hostileNamespaces)
	}
	for _, name := range namespaces {
		if err := w.workload.createNamespace(ctx, name, map[string]string{"tier": "web"}); err != nil {
			return fmt.Errorf("set up the world: %w", err)
		}
	}
	if err := w.workload.writeRules(ctx, cmp.Or(w.history.Settings.Rules, openRules)); err != nil {
		return fmt.Errorf("write the rules: %w", err)
	}
	return nil
}

// take takes steps, until a rule is violated.
func (w *World) take(ctx context.Context, steps []Step) {
	for _, s := range steps {
		w.advance(s.After)
		if w.oracle.violation != "" {
			return
		}
		result := ""
		w.oracle.locked(func() { w.oracle.hostile = s.hostile })
		if err := s.execute(ctx, w); err != nil {
			result = "  (" + brief(err) + ")"
		}
		w.oracle.locked(func() { w.oracle.hostile = false })
		w.oracle.locked(func() { w.log(fmt.Sprintf("%d: %s%s", s.Number, s.Text, result)) })
	}
}

func brief(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text[:min(len(text), 100)]
}

// advance lets time go by, and returns when every goroutine of the bubble waits.
func (w *World) advance(d time.Duration) {
	for d > 0 && w.oracle.ok() {
		part := min(d, time.Minute)
		timer := time.NewTimer(part)
		select {
		case <-timer.C:
		case <-w.oracle.stop:
			timer.Stop()
		}
		synctest.Wait()
		w.supervise()
		d -= part
	}
	synctest.Wait()
}

// supervise restarts processes that have exited by themselves, as the kubelet does, and looks at their liveness.
func (w *World) supervise() {
	for _, p := range slices.Clone(w.processes) {
		if p.ended() && p.err != nil {
			w.drop(p)
			w.start()
			continue
		}
		for _, check := range liveness.Checks() {
			if err := p.monitor.Check(check); err != nil {
				w.oracle.locked(func() { w.oracle.violate(ruleAlive, fmt.Sprintf("%s: %v", p.name, err)) })
			}
		}
	}
}

func (w *World) setFaultProfile(to FaultProfile) {
	w.network.setProfile(to)
	w.oracle.setFaultProfile(to)
}

func (w *World) drop(p *process) {
	w.processes = slices.DeleteFunc(w.processes, func(x *process) bool { return x == p })
}

func (w *World) start() {
	if w.unattended {
		return
	}
	w.started++
	p := start(w.network, w.started, w.history.Settings)
	w.processes = append(w.processes, p)
	w.oracle.locked(func() {
		w.oracle.started = time.Now()
		if !w.history.Settings.Lease {
			w.oracle.startedAt[p.name] = w.oracle.started
			w.oracle.ledAt[p.name] = w.oracle.started
		}
		w.log(p.name + " starts")
	})
}

// restart stops the controllers, by SIGTERM or SIGKILL, and starts as many after a while.
func (w *World) restart(gently bool, back time.Duration) {
	n := len(w.processes)
	for _, p := range w.processes {
		if gently {
			p.stop()
			continue
		}
		w.network.count(faultKilled)
		p.kill()
	}
	if gently {
		for _, p := range w.processes {
			<-p.done
		}
	}
	w.processes = nil
	w.advance(back)
	for range max(n, 1) {
		w.start()
	}
}

// leader returns the process that holds the lease, or nil.
func (w *World) leader() (leader *process) {
	w.server.Objects("leases", func(o apiservertest.Object) {
		for _, p := range w.processes {
			if p.name == holderOf(o) {
				leader = p
			}
		}
	})
	return leader
}

// failover kills the leader, and starts another process after a while. The standby takes over, of which some watches
// have been behind since a moment before.
func (w *World) failover(selectors []string, behind, back time.Duration) {
	w.oracle.setFaultProfile(OccasionalFaults)
	w.pauseStandbys(selectors...)
	w.advance(behind)
	leader := w.leader()
	if leader != nil {
		w.network.count(faultLeaderKilled)
		leader.kill()
		w.drop(leader)
	}
	w.advance(back)
	w.network.resumeWatches()
	w.oracle.setFaultProfile(w.network.currentProfile())
	if leader != nil {
		w.start()
	}
}

// pauseStandbys holds back watches of all processes but the leader.
func (w *World) pauseStandbys(selectors ...string) {
	leader := w.leader()
	for _, p := range w.processes {
		if p == leader {
			continue
		}
		for _, selector := range selectors {
			w.network.pauseWatches(selector, p.name)
		}
	}
}

func (w *World) takeover(both time.Duration) {
	w.network.count(faultTwoActive)
	first := slices.Clone(w.processes)
	w.start()
	w.advance(both)
	for _, p := range first {
		p.kill()
		w.drop(p)
	}
}

func (w *World) end() {
	for _, p := range w.processes {
		p.kill()
	}
	for _, p := range w.processes {
		<-p.done
	}
}

// How long the cluster may take to converge once the faults have ended, and how long it is then observed.
const (
	convergenceTime = 25 * time.Minute
	quietTime       = 15 * time.Minute
)

// finish ends the faults and checks that the cluster converges, that nothing is written then, and that a new process
// has nothing to write either.
func (w *World) finish() error {
	w.setFaultProfile(NoFaults)
	w.oracle.locked(func() { w.log("fault profile: none; no more steps") })
	w.advance(convergenceTime)
	if !w.oracle.ok() {
		return nil
	}
	w.oracle.locked(func() { w.oracle.checkConverged() })
	w.network.takeWrites()
	w.advance(quietTime)
	w.checkQuiet("with nothing to do")
	for _, p := range w.processes {
		p.kill()
	}
	w.processes = nil
	w.start()
	w.advance(w.history.Settings.Grace + 2*time.Minute)
	w.checkQuiet("restarted with nothing to do")
	return nil
}

func (w *World) checkQuiet(moment string) {
	if written := w.network.takeWrites(); len(written) > 0 && w.oracle.ok() {
		w.oracle.locked(func() {
			w.oracle.violate(ruleQuiet, fmt.Sprintf("%s, the controller made %d writes, the first %s", moment, len(written),
				written[0]))
		})
	}
}
