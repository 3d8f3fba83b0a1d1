package simulation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/mirrorball-dev/mirrorball/replicator/simulation/apiserver"
)

// World is one run of a history.
type World struct {
	history   History
	server    *apiserver.Server
	network   *network
	oracle    *oracle
	tenants   *tenants
	processes []*process
	started   int
	begin     time.Time
	story     []string
}

// Result is what came of a history.
type Result struct {
	// Broken is the first rule that was broken, and how; empty if none was.
	Broken string
	// Rule is the rule's name.
	Rule string
	// Story is what happened, one line a step or write.
	Story  []string
	Faults map[string]int
	// Steps and Writes are how many there were, the writes being the controller's.
	Steps, Writes int
}

// Run runs a history, in a bubble of testing/synctest.
func Run(ctx context.Context, h History) (Result, error) {
	w := &World{history: h, begin: time.Now()}
	w.oracle = newOracle(h.Settings, w.tell)
	w.server = apiserver.New(apiserver.Options{
		OnCommit: w.oracle.commit, Termination: 2 * time.Second, NoWatchList: h.Settings.NoWatchList,
	})
	defer w.server.Close()
	w.network = newNetwork(h.Seed, w.server, func(n int) {
		w.oracle.locked(func() { w.oracle.breaks(ruleEndless, fmt.Sprintf("after %d requests there is no end of them", n)) })
	})
	var err error
	if w.tenants, err = newTenants(w.server); err != nil {
		return Result{}, err
	}
	defer w.end()
	if err := w.live(ctx); err != nil {
		return Result{}, err
	}
	return Result{
		Broken: w.oracle.broken, Rule: w.oracle.rule, Story: w.story, Faults: w.network.counted(),
		Steps: len(h.Steps), Writes: w.oracle.writes,
	}, nil
}

func (w *World) tell(line string) {
	w.story = append(w.story, fmt.Sprintf("%12s  %s", time.Since(w.begin).Round(time.Millisecond), line))
}

func (w *World) live(ctx context.Context) error {
	for _, name := range lasting {
		if err := w.tenants.createNamespace(ctx, name, map[string]string{"tier": "web"}); err != nil {
			return fmt.Errorf("furnish the world: %w", err)
		}
	}
	if err := w.tenants.writeRules(ctx); err != nil {
		return fmt.Errorf("write the rules: %w", err)
	}
	w.start()
	if w.history.Settings.Lease {
		w.start() // a standby
	}
	for _, s := range w.history.Steps {
		w.pass(s.After)
		if w.oracle.broken != "" {
			return nil
		}
		result := ""
		if err := s.do(ctx, w); err != nil {
			result = "  (" + brief(err) + ")"
		}
		w.oracle.locked(func() { w.tell(fmt.Sprintf("%d: %s%s", s.Number, s.Text, result)) })
	}
	return w.rest()
}

func brief(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text[:min(len(text), 100)]
}

// pass lets time go by; then everything that is ready has run.
func (w *World) pass(d time.Duration) {
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

// supervise starts processes that have ended by themselves again, as a kubelet does.
func (w *World) supervise() {
	if !w.history.Settings.Lease {
		return
	}
	for _, p := range slices.Clone(w.processes) {
		if p.ended() && p.err != nil {
			w.drop(p)
			w.start()
		}
	}
}

func (w *World) setWeather(to Weather) {
	w.network.set(to)
	w.oracle.weather(to)
}

func (w *World) drop(p *process) {
	w.processes = slices.DeleteFunc(w.processes, func(x *process) bool { return x == p })
}

func (w *World) start() {
	w.started++
	p := start(w.network, w.started, w.history.Settings)
	w.processes = append(w.processes, p)
	w.oracle.locked(func() {
		w.oracle.started = time.Now()
		w.tell(p.name + " starts")
	})
}

// restart ends the controllers, gently or not, and starts as many after a while.
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
	w.pass(back)
	for range max(n, 1) {
		w.start()
	}
}

func (w *World) takeover(both time.Duration) {
	w.network.count(faultTwo)
	first := slices.Clone(w.processes)
	w.start()
	w.pass(both)
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

// How long a cluster may take to converge once the faults have ended, and is watched at rest.
const (
	settling = 25 * time.Minute
	resting  = 15 * time.Minute
)

// rest ends the faults and looks at what is left: converged, at rest, and nothing to do for a new process.
func (w *World) rest() error {
	w.setWeather(Calm)
	w.oracle.locked(func() { w.tell("weather: calm, and nothing happens any more") })
	w.pass(settling)
	if !w.oracle.ok() {
		return nil
	}
	w.oracle.locked(func() { w.oracle.converged() })
	w.network.written()
	w.pass(resting)
	w.quiet("at rest")
	for _, p := range w.processes {
		p.kill()
	}
	w.processes = nil
	w.start()
	w.pass(w.history.Settings.Grace + 2*time.Minute)
	w.quiet("started again, with nothing to do")
	return nil
}

func (w *World) quiet(when string) {
	if written := w.network.written(); len(written) > 0 && w.oracle.ok() {
		w.oracle.locked(func() {
			w.oracle.breaks("quiet", fmt.Sprintf("%s, %d writes were made, the first %s", when, len(written), written[0]))
		})
	}
}
