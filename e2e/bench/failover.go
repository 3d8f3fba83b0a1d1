package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// changeAfter is how long after the leader was killed a source changes.
const changeAfter = 100 * time.Millisecond

// failover kills the leader of two processes, and says when its successor writes. Each round the process that was
// killed is started again, and is the next standby. --size 10 has 100,000 replicas.
func failover(ctx context.Context, b *bench) (_ Result, err error) {
	if b.options.Command != "" {
		return Result{}, errors.New("only Mirrorball's own leader election can be observed: leave this case out")
	}
	if err := b.subject.Stop(ctx); err != nil {
		return Result{}, err
	}
	p, err := b.startPair(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, p.leader.Stop(ctx), p.standby.Stop(ctx)) }()
	namespaces := min(1000, b.sized(1000))
	if _, err := b.targetNamespaces(ctx, namespaces); err != nil {
		return Result{}, err
	}
	sources := b.sized(10) - 1
	b.say("making %d replicas", (sources+1)*namespaces)
	changed := b.unique("changed")
	if _, err := b.untilWritten(ctx, namespaces, func() error { return b.source(ctx, changed) }, changed); err != nil {
		return Result{}, err
	}
	if sources > 0 {
		if err := b.replicate(ctx, sources, namespaces); err != nil {
			return Result{}, err
		}
	}
	var first, all, leaders, standbys []float64
	for round := range b.options.Rounds {
		if err := b.pause(ctx, pauseAfterLoad); err != nil {
			return Result{}, err
		}
		leading, standingBy, err := p.memory()
		if err != nil {
			return Result{}, err
		}
		begun, done, err := b.killLeader(ctx, p.leader, changed, round+1, namespaces)
		if err != nil {
			return Result{}, err
		}
		b.say("round %d: the first write came after %.2f s, the last of %d after %.2f s", round+1, begun.Seconds(),
			namespaces, done.Seconds())
		first, all = append(first, begun.Seconds()), append(all, done.Seconds())
		leaders, standbys = append(leaders, leading), append(standbys, standingBy)
		if err := p.swap(ctx); err != nil {
			return Result{}, err
		}
	}
	return Result{
		Figures: []Figure{
			{
				Name: "first write of the successor after SIGKILL", Unit: "s", Values: first, Goal: "at most 5 s", Limit: 5,
				Raw: []Series{{fmt.Sprintf("until all %d replicas of the source have changed", namespaces), "s", all}},
			},
			{
				Name: "memory of a standby, of the leader's", Unit: "×", Values: ratios(standbys, leaders),
				Raw: []Series{{"standby", "MB", standbys}, {"leader", "MB", leaders}},
			},
		},
		Notes: []string{fmt.Sprintf("There were %d replicas.", (sources+1)*namespaces)},
	}, nil
}

// pair is a leader and a standby.
type pair struct{ leader, standby *harness.Controller }

func (b *bench) startPair(ctx context.Context) (*pair, error) {
	var both [2]*harness.Controller
	for i := range both {
		var err error
		if both[i], err = b.system.StartController(ctx, "--leader-elect", "--source-delete-grace=1s"); err != nil {
			return nil, err
		}
		if i == 0 {
			if err := leads(ctx, both[i]); err != nil {
				return nil, err
			}
		}
	}
	return &pair{both[0], both[1]}, nil
}

// leads waits until a controller is the leader.
func leads(ctx context.Context, c *harness.Controller) error {
	return harness.Poll(ctx, func(ctx context.Context) error {
		page, err := c.Get(ctx, "/metrics")
		if err != nil {
			return err
		}
		if !slices.Contains(strings.Split(page, "\n"), "mirrorball_leading 1") {
			return errors.New("the controller does not lead")
		}
		return nil
	})
}

// memory is the resident set of both, in MB.
func (p *pair) memory() (leader, standby float64, err error) {
	if leader, _, err = memory(p.leader.PID()); err != nil {
		return 0, 0, err
	}
	standby, _, err = memory(p.standby.PID())
	return leader, standby, err
}

// swap starts the leader again that was killed, as the standby of the other.
func (p *pair) swap(ctx context.Context) error {
	p.leader, p.standby = p.standby, p.leader
	if err := leads(ctx, p.leader); err != nil {
		return err
	}
	return p.standby.Start(ctx)
}

// killLeader says how long after the end of the leader the first replica of a source is written, which has changed a
// moment later, and the last one.
func (b *bench) killLeader(
	ctx context.Context, leader *harness.Controller, name string, generation, replicas int,
) (first, last time.Duration, err error) {
	var killed time.Time
	seen := map[string]bool{}
	only := metav1.ListOptions{FieldSelector: "metadata.name=" + name}
	err = b.observe(ctx, secrets, only, func() error {
		killed = time.Now()
		if err := leader.Kill(); err != nil {
			return err
		}
		if err := b.pause(ctx, changeAfter-time.Since(killed)); err != nil {
			return err
		}
		return b.change(ctx, name, generation)
	}, func(s sighting) bool {
		if last = s.at.Sub(killed); len(seen) == 0 {
			first = last
		}
		seen[s.namespace] = true
		return len(seen) >= replicas
	})
	if err != nil {
		return 0, 0, fmt.Errorf("%d of %d replicas have changed: %w", len(seen), replicas, err)
	}
	return first, last, nil
}
