package monitoring

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// query is one of a panel of the dashboard.
type query struct{ panel, expr string }

// queries are those of the dashboard, with the interval of Prometheus' rates filled in.
func queries(t *testing.T) (all []query) {
	t.Helper()
	var board struct {
		Panels []struct {
			Type, Title, Description string
			Targets                  []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(readFile(t, "deploy", "monitoring", "mirrorball.json"), &board); err != nil {
		t.Fatal(err)
	}
	for _, panel := range board.Panels {
		if panel.Type == "row" {
			continue
		}
		if panel.Description == "" || len(panel.Targets) == 0 {
			t.Errorf("the panel %q has no description or no query", panel.Title)
		}
		for _, target := range panel.Targets {
			all = append(all, query{panel.Title, strings.ReplaceAll(target.Expr, "$__rate_interval", "2m")})
		}
	}
	return all
}

// TestDashboard reads the dashboard strictly, by the types that Grafana generates from its schema.
func TestDashboard(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	//nolint:staticcheck // the newer schema is for Grafana 12 and later; provisioning and sidecars read this one
	var board dashboard.Dashboard
	err := board.UnmarshalJSONStrict(readFile(t, "deploy", "monitoring", "mirrorball.json"))
	// Without errors, the result is an empty list of them.
	if problems, ok := errors.AsType[cog.BuildErrors](err); err != nil && (!ok || len(problems) > 0) {
		t.Fatal(err)
	}
	for _, q := range queries(t) {
		if _, err := promql.ParseExpr(q.expr); err != nil {
			t.Errorf("%s: %v", q.panel, err)
		}
	}
}
