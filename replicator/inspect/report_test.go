package inspect_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/replicator/inspect"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

const hostile = `"><script>alert(1)</script>`

// full is a Report in which every field is set.
func full() *inspect.Report {
	problem := []inspect.Problem{{Key: "mirrorball.dev/push-to", Value: hostile, Reason: "is wrong"}}
	finding := []inspect.Finding{{Object: "Secret infra/regcred", Reason: "Occupied", Note: hostile}}
	writes := []inspect.Write{{
		Verb: plan.Attach, Kind: "ServiceAccount", Namespace: "team-a", Name: "default", Secret: "regcred",
		Source: "Secret infra/regcred", Reason: "reason",
	}}
	return &inspect.Report{
		APIVersion: inspect.APIVersion, Kind: inspect.Kind, Rules: "built-in", InSync: true,
		Settings: inspect.Settings{
			From: "Deployment mirrorball-system/mirrorball", Namespace: "mirrorball-system", Kinds: []string{"secrets"},
			SourceNamespaces: "*", ProtectedNamespaces: "kube-*", ReservedNames: "kube-root-ca.crt", SourceDeleteGrace: "1m0s",
			Differing: []string{"--kinds"},
		},
		States: map[plan.State]int{plan.InSync: 1, plan.Occupied: 1, plan.Barred: 1},
		Sources: []inspect.Source{{
			Kind: annotations.Secret, Namespace: "infra", Name: "regcred", Phase: plan.PhaseActive, Type: "Opaque",
			Dialect: "native", Policy: "push to " + hostile, InSync: 1,
			Targets: []inspect.Target{
				{Namespace: "team-a", Name: "regcred", State: plan.InSync},
				{Namespace: "team-b", Name: "regcred", Pull: true, State: plan.Occupied, Reason: hostile},
				{Namespace: "team-c", Name: "regcred", State: plan.Barred, Reason: "the namespace is protected"},
			},
			Attached: []string{"team-a/default"}, Frozen: problem, Ignored: problem, Findings: finding, Writes: writes,
			Waits: "1m0s", Later: writes,
		}},
		Copies:   []inspect.Copy{{Object: "Secret team-d/mine", Source: "Secret infra/regcred"}},
		Problems: finding, Unknown: []string{hostile},
	}
}

// TestSchema holds the published schema to what is printed: it has every field, and no other.
func TestSchema(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "audit.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema spec.Schema
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(full())
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(encoded, &value); err != nil {
		t.Fatal(err)
	}
	if r := validate.NewSchemaValidator(&schema, nil, "", strfmt.Default).Validate(value); !r.IsValid() {
		t.Errorf("a report with every field is not what the schema says: %v", r.Errors)
	}
	compareFields(t, "the report", &schema, reflect.TypeFor[inspect.Report]())
}

// compareFields compares the properties of a schema with the fields of a type.
func compareFields(t *testing.T, where string, schema *spec.Schema, of reflect.Type) {
	t.Helper()
	for of.Kind() == reflect.Slice || of.Kind() == reflect.Pointer {
		if schema.Items != nil {
			schema = schema.Items.Schema
		}
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return
	}
	names := map[string]bool{}
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		names[name] = true
		property, ok := schema.Properties[name]
		if !ok {
			t.Errorf("%s: the schema does not have %s", where, name)
			continue
		}
		compareFields(t, where+"."+name, &property, of.Field(i).Type)
	}
	for name := range schema.Properties {
		if !names[name] {
			t.Errorf("%s: the schema has %s, which is not printed", where, name)
		}
	}
}

func TestHTML(t *testing.T) {
	var b bytes.Buffer
	if err := inspect.WriteHTML(&b, full()); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	t.Run("escapes what the cluster holds", func(t *testing.T) {
		if strings.Contains(page, "<script>alert") {
			t.Error("a name or an annotation can bring a script in")
		}
	})
	t.Run("asks for nothing", func(t *testing.T) {
		if m := regexp.MustCompile(`(?i)(\ssrc=|href=|url\(|@import|https?:)`).FindString(page); m != "" {
			t.Errorf("the page refers to something outside: %q", m)
		}
	})
	t.Run("the policy allows the page's own style and script, and nothing else", func(t *testing.T) {
		attribute := regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`)
		csp := html.UnescapeString(attribute.FindStringSubmatch(page)[1])
		for _, element := range []string{"style", "script"} {
			inline := regexp.MustCompile("(?s)<"+element+">(.*?)</"+element+">").FindAllStringSubmatch(page, -1)
			if len(inline) != 1 {
				t.Fatalf("there are %d elements %s, want one", len(inline), element)
			}
			sum := sha256.Sum256([]byte(inline[0][1]))
			want := element + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
			if !strings.Contains(csp, want) {
				t.Errorf("the policy %q does not have %s", csp, want)
			}
		}
		if !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") ||
			strings.Contains(page, ` style="`) {
			t.Errorf("the policy %q is too wide, or the page has inline styles", csp)
		}
	})
	t.Run("shows the state of each place as a letter and its reason", func(t *testing.T) {
		for _, want := range []string{
			`<td class="o">✓`, `<td class="b" title="Occupied: `, "Barred: the namespace is protected",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("the page does not have %s", want)
			}
		}
	})
}

func TestHTMLOfSeveralTargets(t *testing.T) {
	for name, tc := range map[string]struct {
		states []plan.State
		want   string
	}{
		"the worst is first, after one in sync":          {[]plan.State{plan.InSync, plan.Occupied}, "O✓"},
		"the worst is first, before one in sync":         {[]plan.State{plan.Occupied, plan.InSync}, "O✓"},
		"the worst is first, after one that is missing":  {[]plan.State{plan.Missing, plan.Occupied}, "OM"},
		"the worst is first, before one that is missing": {[]plan.State{plan.Occupied, plan.Missing}, "OM"},
		"the worst is first, after one that is paused":   {[]plan.State{plan.Paused, plan.Occupied}, "OP"},
		"a state is shown once":                          {[]plan.State{plan.Occupied, plan.InSync, plan.Occupied}, "O✓"},
	} {
		t.Run(name, func(t *testing.T) {
			source := inspect.Source{Kind: annotations.Secret, Namespace: "infra", Name: "regcred"}
			for _, state := range tc.states {
				source.Targets = append(source.Targets, inspect.Target{Namespace: "team-a", State: state})
			}
			var b bytes.Buffer
			if err := inspect.WriteHTML(&b, &inspect.Report{Sources: []inspect.Source{source}}); err != nil {
				t.Fatal(err)
			}
			if want := `<td class="b" title="Occupied">` + tc.want + "\n"; !strings.Contains(b.String(), want) {
				t.Errorf("the cell of the namespace is not %s:\n%s", want, b.String())
			}
		})
	}
}

func TestHTMLOfManyTargets(t *testing.T) {
	source := inspect.Source{Kind: annotations.Secret, Namespace: "infra", Name: "regcred"}
	for range 203 {
		source.Targets = append(source.Targets, inspect.Target{Namespace: "team-a", Name: "regcred", State: plan.Missing})
	}
	var b bytes.Buffer
	if err := inspect.WriteHTML(&b, &inspect.Report{Sources: []inspect.Source{source}}); err != nil {
		t.Fatal(err)
	}
	if rows := strings.Count(b.String(), "<td>team-a/regcred</td>"); rows != 200 ||
		!strings.Contains(b.String(), "<p>3 more are not in sync; <code>mirrorball audit -o wide</code> lists them.</p>") {
		t.Errorf("the page lists %d targets, want 200, and does not say how many it leaves out", rows)
	}
}

// TestHTMLHasALetterForEachState: the states that docs/audit.md lists have letters, and no two of them the same.
func TestHTMLHasALetterForEachState(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "audit.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| state | meaning | finding |")
	states := map[plan.State]int{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?`) \\| ").FindAllStringSubmatch(table, -1) {
		for _, state := range regexp.MustCompile("`([A-Za-z]+)`").FindAllStringSubmatch(row[1], -1) {
			states[plan.State(state[1])] = 1
		}
	}
	if states[plan.InSync] == 0 {
		t.Fatal("docs/audit.md has no table of states of the form that this test looks for")
	}
	var b bytes.Buffer
	if err := inspect.WriteHTML(&b, &inspect.Report{States: states}); err != nil {
		t.Fatal(err)
	}
	of := map[string]string{}
	entry := regexp.MustCompile(`<span class=".">(.*?) ([A-Za-z]+): 1</span>`)
	for _, m := range entry.FindAllStringSubmatch(b.String(), -1) {
		if other := of[m[1]]; m[1] == "?" || other != "" {
			t.Errorf("the letter of %s is %s, which is also that of %s", m[2], m[1], other)
		}
		of[m[1]] = m[2]
	}
	if len(of) != len(states) {
		t.Errorf("there are %d letters for %d states", len(of), len(states))
	}
}

func TestFilter(t *testing.T) {
	targets, err := annotations.ParseNamespacePatterns("team-a")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("by namespace, what is in it and what is about the whole source is left", func(t *testing.T) {
		r := full()
		r.Sources[0].Findings = append(r.Sources[0].Findings,
			inspect.Finding{Object: "Secret infra/regcred", Reason: "Braked"},
			inspect.Finding{Object: "Secret team-b/mine", Reason: "NoSource"})
		(&inspect.Filter{Targets: targets}).Apply(r)
		if len(r.Sources) != 1 || len(r.Sources[0].Targets) != 1 || r.States[plan.InSync] != 1 || r.InSync {
			t.Errorf("got %+v, want the target in team-a alone", r)
		}
		if found := r.Sources[0].Findings; len(found) != 1 || found[0].Reason != "Braked" {
			t.Errorf("the findings are %+v, want the one about the source", found)
		}
		if r.Findings() != 1 {
			t.Errorf("there are %d findings, want 1: %+v", r.Findings(), r)
		}
	})
	t.Run("by namespace, what a controller writes elsewhere does not count", func(t *testing.T) {
		r := full()
		r.Sources[0].Writes[0].Namespace, r.Sources[0].Later[0].Namespace = "team-b", "team-b"
		(&inspect.Filter{Targets: targets}).Apply(r)
		if !r.InSync || r.Sources[0].Waits != "" {
			t.Errorf("got %+v, want in sync and nothing that waits", r)
		}
	})
	t.Run("by state, the targets in it are left", func(t *testing.T) {
		r := full()
		(&inspect.Filter{States: []plan.State{plan.Occupied}}).Apply(r)
		if len(r.Sources) != 1 || len(r.Sources[0].Targets) != 1 || !r.InSync || r.Findings() != 2 {
			t.Errorf("got %+v with %d findings, want the target that is occupied, and the copy", r, r.Findings())
		}
	})
	t.Run("by a state that nothing has, nothing is left", func(t *testing.T) {
		r := full()
		(&inspect.Filter{States: []plan.State{plan.Orphaned}}).Apply(r)
		if len(r.Sources) != 0 {
			t.Errorf("got %+v, want no source", r.Sources)
		}
	})
}
