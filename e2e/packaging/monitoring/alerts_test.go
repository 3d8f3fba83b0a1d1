package monitoring

import (
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"sigs.k8s.io/yaml"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
)

var promql = parser.NewParser(parser.Options{})

func readFile(t *testing.T, parts ...string) []byte {
	t.Helper()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(append([]string{root}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// alerts reads the rules of the PrometheusRule strictly, as Prometheus does.
func alerts(t *testing.T) []rulefmt.Rule {
	t.Helper()
	var object struct{ Spec map[string]any }
	if err := yaml.Unmarshal(readFile(t, "deploy", "monitoring", "prometheusrule.yaml"), &object); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(object.Spec)
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(text, false, model.UTF8Validation, promql, slog.Default())
	if len(errs) > 0 {
		t.Fatalf("prometheusrule.yaml: %v", errs)
	}
	return groups.Groups[0].Rules
}

// firing evaluates all alerts each minute from the beginning of the storage, and returns the names of those that fire
// in the last minute.
func firing(t *testing.T, store storage.Queryable, length time.Duration) []string {
	t.Helper()
	engine := promqltest.NewTestEngine(t, false, 0, math.MaxInt32)
	query := rules.EngineQueryFunc(engine, store)
	names := map[string]bool{}
	for _, rule := range alerts(t) {
		expr, err := promql.ParseExpr(rule.Expr)
		if err != nil {
			t.Fatal(err)
		}
		alert := rules.NewAlertingRule(rule.Alert, expr, time.Duration(rule.For), time.Duration(rule.KeepFiringFor),
			labels.FromMap(rule.Labels), labels.FromMap(rule.Annotations), labels.EmptyLabels(), "", true, slog.Default())
		for at := time.Duration(0); at <= length; at += time.Minute {
			if _, err := alert.Eval(t.Context(), 0, time.Unix(0, 0).Add(at), query, nil, 0); err != nil {
				t.Fatalf("%s: %v", rule.Alert, err)
			}
		}
		alert.ForEachActiveAlert(func(active *rules.Alert) {
			if active.State != rules.StateFiring {
				return
			}
			names[rule.Alert] = true
			for _, text := range []string{active.Annotations.Get("summary"), active.Annotations.Get("description")} {
				if text == "" || strings.Contains(text, "error") || strings.Contains(text, "<no value>") {
					t.Errorf("%s says %q", rule.Alert, text)
				}
			}
		})
	}
	return slices.Sorted(maps.Keys(names))
}

const (
	leader  = `{job="mirrorball",instance="a"}`
	standby = `{job="mirrorball",instance="b"}`
)

// lastEvent is the series of a watch.
func lastEvent(stream string) string {
	return `mirrorball_watch_last_event_timestamp_seconds{job="mirrorball",instance="a",stream="` + stream + `"}`
}

// healthy is a leader and a standby that work, each minute for three hours.
var healthy = map[string]string{
	`mirrorball_build_info` + leader:                                          `1x180`,
	`mirrorball_build_info` + standby:                                         `1x180`,
	`mirrorball_leading` + leader:                                             `1x180`,
	`mirrorball_leading` + standby:                                            `0x180`,
	`mirrorball_rules_readable` + leader:                                      `1x180`,
	`process_start_time_seconds` + leader:                                     `1000x180`,
	`mirrorball_sources{job="mirrorball",instance="a",state="active"}`:        `5x180`,
	`mirrorball_replicas{job="mirrorball",instance="a",state="InSync"}`:       `50x180`,
	`mirrorball_replicas{job="mirrorball",instance="a",state="Barred"}`:       `3x180`,
	`mirrorball_replicas{job="mirrorball",instance="a",state="Missing"}`:      `0x60 5x3 0x116`,
	`mirrorball_actions_total{job="mirrorball",verb="create",result="ok"}`:    `0+5x180`,
	`mirrorball_actions_total{job="mirrorball",verb="create",result="stale"}`: `0+1x180`,
	`mirrorball_events_dropped_total` + leader:                                `0x180`,
	`mirrorball_records_unreadable_total` + leader:                            `0x180`,
	`mirrorball_workqueue_longest_running_seconds` + leader:                   `2x180`,
	`mirrorball_workqueue_oldest_waiting_seconds` + leader:                    `400x180`,
	`mirrorball_workqueue_queue_seconds_count{job="mirrorball"}`:              `0+10x180`,
	`mirrorball_workqueue_queue_seconds_bucket{job="mirrorball",le="0.1"}`:    `0+10x180`,
	`mirrorball_workqueue_queue_seconds_bucket{job="mirrorball",le="+Inf"}`:   `0+10x180`,
	lastEvent("secrets"): `0+60x180`,
	lastEvent("rules"):   `0+60x180`,
	`rest_client_requests_total{job="mirrorball",instance="a",code="200"}`: `0+60x180`,
	`rest_client_requests_total{job="mirrorball",instance="a",code="500"}`: `0+1x180`,
	// Another program's requests: they fail all the time.
	`rest_client_requests_total{job="other",instance="a",code="500"}`: `0+9999x180`,
}

// load is the series in the syntax of Prometheus' tests.
func load(series map[string]string) string {
	text := "load 1m\n"
	for _, name := range slices.Sorted(maps.Keys(series)) {
		if values := series[name]; values != "" {
			// 1x180 of this table is the value 180 times again: 1+0x180 there.
			var expanded []string
			for _, part := range strings.Fields(values) {
				if !strings.Contains(part, "+") {
					part = strings.Replace(part, "x", "+0x", 1)
				}
				expanded = append(expanded, part)
			}
			text += "  " + name + " " + strings.Join(expanded, " ") + "\n"
		}
	}
	return text
}

// TestAlerts: on healthy series nothing fires. Each alert fires when its series change, and no other alert does.
func TestAlerts(t *testing.T) {
	tests := map[string]struct {
		change map[string]string // "" removes a series
	}{
		"": {},
		"MirrorballDown": {change: map[string]string{
			`mirrorball_build_info` + leader: "", `mirrorball_build_info` + standby: "",
		}},
		"MirrorballNoLeader":       {change: map[string]string{`mirrorball_leading` + leader: `0x180`}},
		"MirrorballSeveralLeaders": {change: map[string]string{`mirrorball_leading` + standby: `1x180`}},
		"MirrorballRestarts":       {change: map[string]string{`process_start_time_seconds` + leader: `0+100x180`}},
		"MirrorballOutOfSync": {change: map[string]string{
			`mirrorball_replicas{job="mirrorball",instance="a",state="Missing"}`: `1x180`,
		}},
		"MirrorballSourcesFrozen": {change: map[string]string{
			`mirrorball_sources{job="mirrorball",instance="a",state="frozen"}`: `1x180`,
		}},
		"MirrorballTargetsRefused": {change: map[string]string{
			`mirrorball_replicas{job="mirrorball",instance="a",state="Occupied"}`: `1x180`,
		}},
		"MirrorballWritesBlocked": {change: map[string]string{
			`mirrorball_actions_total{job="mirrorball",verb="create",result="blocked"}`: `0+1x180`,
		}},
		"MirrorballRulesUnreadable": {change: map[string]string{`mirrorball_rules_readable` + leader: `0x180`}},
		"MirrorballRecordsUnreadable": {change: map[string]string{
			`mirrorball_records_unreadable_total` + leader: `0x150 1x29`,
		}},
		"MirrorballEventsDropped": {change: map[string]string{
			`mirrorball_events_dropped_total` + leader: `0x150 7x29`,
		}},
		"MirrorballWorkerStuck": {change: map[string]string{
			`mirrorball_workqueue_longest_running_seconds` + leader: `0+60x180`,
		}},
		"MirrorballWatchStalled": {change: map[string]string{lastEvent("secrets"): `0+60x60 3600x119`}},
		"MirrorballQueueStalled": {change: map[string]string{
			`mirrorball_workqueue_oldest_waiting_seconds` + leader:                  `0+60x180`,
			`mirrorball_workqueue_queue_seconds_count{job="mirrorball"}`:            `5x180`,
			`mirrorball_workqueue_queue_seconds_bucket{job="mirrorball",le="0.1"}`:  `5x180`,
			`mirrorball_workqueue_queue_seconds_bucket{job="mirrorball",le="+Inf"}`: `5x180`,
		}},
		"MirrorballSlow": {change: map[string]string{
			`mirrorball_workqueue_queue_seconds_bucket{job="mirrorball",le="0.1"}`:  `0x180`,
			`mirrorball_workqueue_queue_seconds_bucket{job="mirrorball",le="32"}`:   `0+10x180`,
			`mirrorball_workqueue_queue_seconds_bucket{job="mirrorball",le="+Inf"}`: `0+10x180`,
		}},
		"MirrorballAPIErrors": {change: map[string]string{
			`rest_client_requests_total{job="mirrorball",instance="a",code="<error>"}`: `0+20x180`,
		}},
	}
	for _, rule := range alerts(t) {
		if _, ok := tests[rule.Alert]; !ok {
			t.Errorf("nothing fires %s", rule.Alert)
		}
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			series := maps.Clone(healthy)
			maps.Copy(series, tc.change)
			var want []string
			if name != "" {
				want = []string{name}
			}
			got := firing(t, promqltest.LoadedStorage(t, load(series)), 170*time.Minute)
			if !slices.Equal(got, want) {
				t.Errorf("firing are %q, want %q", got, want)
			}
		})
	}
}

// TestRunbooks: each alert has a page, which shows its expression, and each page has an alert.
func TestRunbooks(t *testing.T) {
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "runbooks", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	rest := map[string]bool{}
	for _, page := range pages {
		rest[strings.TrimSuffix(filepath.Base(page), ".md")] = true
	}
	for _, rule := range alerts(t) {
		if !rest[rule.Alert] {
			t.Errorf("%s has no page in docs/runbooks", rule.Alert)
			continue
		}
		delete(rest, rule.Alert)
		text := string(readFile(t, "docs", "runbooks", rule.Alert+".md"))
		if !strings.HasPrefix(text, "# "+rule.Alert+"\n") || !strings.Contains(text, rule.Expr) ||
			!strings.Contains(text, "Severity: "+rule.Labels["severity"]) {
			t.Errorf("the page of %s does not have its name, severity and expression", rule.Alert)
		}
		if want := "/docs/runbooks/" + rule.Alert + ".md"; !strings.HasSuffix(rule.Annotations["runbook_url"], want) {
			t.Errorf("%s refers to %q", rule.Alert, rule.Annotations["runbook_url"])
		}
	}
	for page := range rest {
		t.Errorf("docs/runbooks/%s.md is of no alert", page)
	}
}
