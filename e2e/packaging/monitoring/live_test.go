package monitoring

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/teststorage"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// scrapeInterval is the distance of two scrapes in the storage, whatever time has passed between them.
const scrapeInterval = time.Minute

// prometheus stores what real controllers expose.
type prometheus struct {
	*testing.T
	store *teststorage.TestStorage
	now   time.Time
}

func newPrometheus(t *testing.T) *prometheus {
	return &prometheus{T: t, store: teststorage.New(t), now: time.Unix(0, 0)}
}

// scrape stores what the controllers expose now, once for each of the next minutes.
func (p *prometheus) scrape(minutes int, controllers ...*harness.Controller) {
	p.Helper()
	texts := make([]string, len(controllers))
	for i, controller := range controllers {
		text, err := controller.Get(p.Context(), "/metrics")
		if err != nil {
			p.Fatal(err)
		}
		texts[i] = text
	}
	for range minutes {
		appender := p.store.Appender(p.Context())
		for i, text := range texts {
			instance := fmt.Sprintf("mirrorball-%d", i)
			for series, value := range p.parse(text) {
				labelled := labels.NewBuilder(series).Set("job", "mirrorball").Set("instance", instance).Labels()
				if _, err := appender.Append(0, labelled, p.now.UnixMilli(), value); err != nil {
					p.Fatalf("%s: %v", labelled, err)
				}
			}
		}
		if err := appender.Commit(); err != nil {
			p.Fatal(err)
		}
		p.now = p.now.Add(scrapeInterval)
	}
}

func (p *prometheus) parse(text string) func(func(labels.Labels, float64) bool) {
	return func(yield func(labels.Labels, float64) bool) {
		reader := textparse.NewPromParser([]byte(text), labels.NewSymbolTable(), false)
		for {
			entry, err := reader.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				p.Fatalf("the controller's metrics: %v", err)
			}
			if entry != textparse.EntrySeries {
				continue
			}
			var series labels.Labels
			reader.Labels(&series)
			if _, _, value := reader.Series(); !yield(series, value) {
				return
			}
		}
	}
}

// answers reports whether the query returns a number now.
func (p *prometheus) answers(expr string) bool {
	p.Helper()
	run := rules.EngineQueryFunc(promqltest.NewTestEngine(p.T, false, 0, math.MaxInt32), p.store)
	vector, err := run(p.Context(), expr, p.now.Add(-scrapeInterval))
	if err != nil {
		p.Errorf("%s: %v", expr, err)
	}
	for _, sample := range vector {
		if !math.IsNaN(sample.F) {
			return true
		}
	}
	return false
}

// TestLive runs a real controller that is given something of everything to do, and asks all queries about it.
func TestLive(t *testing.T) {
	system := harness.OwnSystem(t, harness.Options{})
	controller := system.Controller(t)
	prefix := harness.Prefix(t)
	to, full := prefix+"-to", prefix+"-full"
	from := system.CreateNamespace(t, prefix+"-from").Name
	p := newPrometheus(t)
	p.scrape(5, controller)

	system.CreateNamespace(t, to)
	quota(t, system, system.CreateNamespace(t, full).Name)
	push(t, system, from, "good", to)
	push(t, system, to, "taken", "") // nobody's replica, in the way of the next
	push(t, system, from, "taken", to)
	push(t, system, from, "blocked", full)
	push(t, system, from, "frozen", "not/a pattern")
	await(t, system, controller, `mirrorball_sources{state="frozen"} 1`, `mirrorball_replicas{state="InSync"} 1`,
		`mirrorball_replicas{state="Occupied"} 1`, `mirrorball_replicas{state="Missing"} 1`,
		`mirrorball_actions_total{result="blocked",verb="create"} `)
	p.scrape(1, controller)
	push(t, system, from, "second", to) // a rate needs two scrapes of a series
	await(t, system, controller, `mirrorball_replicas{state="InSync"} 2`)
	p.scrape(1, controller)

	t.Run("all metrics and labels of the queries exist", func(t *testing.T) { checkNames(t, p, controller) })
	for _, q := range queries(t) {
		t.Run("dashboard: "+q.panel, func(t *testing.T) {
			if p.T = t; !p.answers(q.expr) {
				t.Errorf("no answer to %s", q.expr)
			}
		})
	}
	p.T = t

	t.Run("alerts about sources fire", func(t *testing.T) {
		writeRules(t, system, "rules: of no kind\n")
		await(t, system, controller, "mirrorball_rules_readable 0")
		p := newPrometheus(t)
		p.scrape(60, controller)
		breakRecord(t, system)
		await(t, system, controller, "mirrorball_records_unreadable_total 1")
		p.scrape(30, controller)
		want := []string{
			"MirrorballOutOfSync", "MirrorballRecordsUnreadable", "MirrorballRulesUnreadable", "MirrorballSourcesFrozen",
			"MirrorballTargetsRefused",
		}
		if got := firing(t, p.store, 89*time.Minute); !slices.Equal(got, want) {
			t.Errorf("firing are %q, want %q", got, want)
		}
		p.now = p.now.Add(15 * time.Minute)
		want = []string{"MirrorballDown", "MirrorballRecordsUnreadable"} // the latter looks back for an hour
		if got := firing(t, p.store, 105*time.Minute); !slices.Equal(got, want) {
			t.Errorf("firing are %q after the last scrape, want %q", got, want)
		}
	})

	t.Run("the alert about restarts fires", func(t *testing.T) {
		writeRules(t, system, harness.OpenRules)
		p := newPrometheus(t)
		for range 5 {
			p.scrape(2, controller)
			if err := controller.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := firing(t, p.store, 9*time.Minute); !slices.Contains(got, "MirrorballRestarts") {
			t.Errorf("firing are %q", got)
		}
	})

	t.Run("alerts about leaders fire", func(t *testing.T) {
		second := system.Controller(t)
		p := newPrometheus(t)
		p.scrape(10, controller, second)
		if got := firing(t, p.store, 9*time.Minute); !slices.Contains(got, "MirrorballSeveralLeaders") {
			t.Errorf("firing are %q with two leaders", got)
		}
		holdLease(t, system)
		waiting := system.Controller(t, "--leader-elect")
		p = newPrometheus(t)
		p.scrape(10, waiting)
		if got := firing(t, p.store, 9*time.Minute); !slices.Equal(got, []string{"MirrorballNoLeader"}) {
			t.Errorf("firing are %q with a standby alone", got)
		}
	})
}

// push creates a Secret that is pushed to the pattern.
func push(t *testing.T, system *harness.System, namespace, name, to string) {
	t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: map[string]string{"key": "value"},
	}
	if to != "" {
		secret.Annotations = map[string]string{"mirrorball.dev/push-to": to}
	}
	_, err := system.Client.CoreV1().Secrets(namespace).Create(t.Context(), secret, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// quota lets no Secret into the namespace.
func quota(t *testing.T, system *harness.System, namespace string) {
	t.Helper()
	quotas := system.Client.CoreV1().ResourceQuotas(namespace)
	object := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "full"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/secrets": resource.MustParse("0")}},
	}
	if _, err := quotas.Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, system.WriteProgress, func() error {
		now, err := quotas.Get(t.Context(), "full", metav1.GetOptions{})
		if err == nil && len(now.Status.Hard) == 0 {
			err = errors.New("the quota is not in force yet")
		}
		return err
	})
}

// await waits until the controller's metrics have lines that begin so.
func await(t *testing.T, system *harness.System, controller *harness.Controller, lines ...string) {
	t.Helper()
	system.Eventually(t, func() error {
		text, err := controller.Get(t.Context(), "/metrics")
		if err != nil {
			return err
		}
		for _, line := range lines {
			if !strings.Contains(text, "\n"+line) {
				return fmt.Errorf("the metrics have no line %s", line)
			}
		}
		return nil
	})
}

func writeRules(t *testing.T, system *harness.System, text string) {
	t.Helper()
	if err := system.WriteRules(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

// breakRecord makes a saved policy that cannot be parsed.
func breakRecord(t *testing.T, system *harness.System) {
	t.Helper()
	record := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name: "policy-broken", Labels: map[string]string{"mirrorball.dev/record": "policy"},
		},
		Data: map[string]string{"annotations": "{"},
	}
	records := system.Client.CoreV1().ConfigMaps(harness.Namespace)
	if _, err := records.Create(t.Context(), record, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// holdLease makes a Lease that another process holds.
func holdLease(t *testing.T, system *harness.System) {
	t.Helper()
	holder, seconds, now := "another", int32(3600), metav1.NowMicro()
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: "mirrorball"},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: &holder, LeaseDurationSeconds: &seconds, AcquireTime: &now, RenewTime: &now,
		},
	}
	leases := system.Client.CoordinationV1().Leases(harness.Namespace)
	if _, err := leases.Create(t.Context(), lease, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// expressions are all queries of the alerts and of the dashboard.
func expressions(t *testing.T) (all []string) {
	t.Helper()
	for _, rule := range alerts(t) {
		all = append(all, rule.Expr)
	}
	for _, q := range queries(t) {
		all = append(all, q.expr)
	}
	return all
}

// checkNames compares the metrics and labels that the queries select with what the controller exposes, and the states
// and results with the documented ones: a misspelt one would never match.
func checkNames(t *testing.T, p *prometheus, controller *harness.Controller) {
	text, err := controller.Get(t.Context(), "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	exposed := map[string]map[string]bool{} // labels by metric
	for series := range p.parse(text) {
		name := series.Get(model.MetricNameLabel)
		if exposed[name] == nil {
			exposed[name] = map[string]bool{"job": true, "instance": true}
		}
		series.Range(func(l labels.Label) { exposed[name][l.Name] = true })
	}
	documented := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^\| ([A-Za-z, ]+) \|`).
		FindAllStringSubmatch(string(readFile(t, "docs", "metrics.md")), -1) {
		for word := range strings.SplitSeq(match[1], ", ") {
			documented[word] = true
		}
	}
	for _, expr := range expressions(t) {
		parsed, err := promql.ParseExpr(expr)
		if err != nil {
			t.Fatal(err)
		}
		parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
			if selector, ok := node.(*parser.VectorSelector); ok {
				checkSelector(t, selector, exposed, documented)
			}
			return nil
		})
	}
}

func checkSelector(t *testing.T, s *parser.VectorSelector, exposed map[string]map[string]bool, values map[string]bool) {
	t.Helper()
	if exposed[s.Name] == nil {
		t.Errorf("the controller does not expose %s, only %q", s.Name, slices.Sorted(maps.Keys(exposed)))
		return
	}
	for _, matcher := range s.LabelMatchers {
		if !exposed[s.Name][matcher.Name] {
			t.Errorf("%s has no label %s", s.Name, matcher.Name)
		}
		if matcher.Name != "state" && matcher.Name != "result" {
			continue
		}
		for value := range strings.SplitSeq(matcher.Value, "|") {
			if !values[value] {
				t.Errorf("%s: docs/metrics.md has no %s %q", s, matcher.Name, value)
			}
		}
	}
}
