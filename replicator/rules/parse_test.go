package rules_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
	"sigs.k8s.io/yaml"

	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

const head = "apiVersion: config.mirrorball.dev/v1\nkind: Rules\n"

// document is one with a single rule, written in one line.
func document(rule string) string { return head + "rules:\n- " + rule + "\n" }

// documents are what the parser and the schema are held to.
var documents = map[string]struct {
	text string
	// err are parts of the parser's error; none where the document is readable.
	err []string
	// beyond says that the schema can't tell what is wrong.
	beyond bool
}{
	"patterns on both sides": {
		text: document(`{sources: ["platform", "infra-*"], targets: ["*", "!x"], allow: [push, attach, labels]}`),
	},
	"selectors alone": {
		text: document(`{sourcesSelector: "tier=platform", targetsSelector: "env in (a,b),!c", allow: [push]}`),
	},
	"both on one side": {
		text: document(`{sources: [a], sourcesSelector: "tier=platform", targets: ["*"], allow: [push]}`),
	},
	"no rules":            {text: head + "rules: []"},
	"a leading separator": {text: "---\n" + head + "rules: []"},
	"as JSON":             {text: `{"apiVersion": "config.mirrorball.dev/v1", "kind": "Rules", "rules": []}`},

	"nothing":  {text: "", err: []string{"the document", "apiVersion, kind, rules"}},
	"not YAML": {text: "rules: [", err: []string{"is not YAML", "correct it"}, beyond: true},
	"another document": {
		text:   head + "rules: []\n---\n" + head,
		err:    []string{"followed by another", "one list"},
		beyond: true,
	},
	"a list": {text: "- a", err: []string{"the document", "expected the fields"}},
	"no apiVersion": {
		text: "kind: Rules\nrules: []",
		err:  []string{"apiVersion: expected config.mirrorball.dev/v1", "write"},
	},
	"another apiVersion": {
		text: "apiVersion: v1\nkind: Rules\nrules: []",
		err:  []string{"apiVersion: expected config.mirrorball.dev/v1"},
	},
	"another kind": {
		text: "apiVersion: config.mirrorball.dev/v1\nkind: Rule\nrules: []",
		err:  []string{"kind: expected Rules"},
	},
	"no list of rules":    {text: head, err: []string{"rules: expected a list", "rules: []"}},
	"rules that are null": {text: head + "rules:", err: []string{"rules: expected a list", "rules: []"}},
	"an unknown field": {
		text: head + "rule: []\nrules: []",
		err:  []string{`the field "rule" is unknown`, "apiVersion, kind, rules"},
	},
	"a field twice": {text: head + "rules: []\nrules: []", err: []string{"rules", "already"}, beyond: true},
	"a misspelt field": {
		text: document(`{source: [a], targets: ["*"], allow: [push]}`),
		err:  []string{"rules[0]", `"source" is unknown`, "sourcesSelector"},
	},
	"a rule that is text": {text: document(`push`), err: []string{"rules[0]", "expected the fields"}},
	"no sources": {
		text: document(`{targets: ["*"], allow: [push]}`),
		err:  []string{"rules[0]", "expected sources, sourcesSelector or both", `sources: ["*"]`},
	},
	"no targets": {
		text: document(`{sources: ["*"], allow: [push]}`),
		err:  []string{"rules[0]", "expected targets, targetsSelector or both", `targets: ["*"]`},
	},
	"sources that are one": {
		text: document(`{sources: "*", targets: ["*"], allow: [push]}`),
		err:  []string{"rules[0].sources", "expected a list of namespace patterns"},
	},
	"an empty list": {
		text: document(`{sources: [], targets: ["*"], allow: [push]}`),
		err:  []string{"rules[0].sources", "at least one"},
	},
	"a list that is null": {
		text: document(`{sources: null, targets: ["*"], allow: [push]}`),
		err:  []string{"rules[0].sources", "at least one"},
	},
	"a number": {
		text: document(`{sources: [1], targets: ["*"], allow: [push]}`),
		err:  []string{"rules[0].sources[0]", "quotation marks"},
	},
	"two in one entry": {
		text: document(`{sources: ["a,b"], targets: ["*"], allow: [push]}`),
		err:  []string{"rules[0].sources[0]", "one namespace pattern", "own"},
	},
	"an empty entry": {
		text: document(`{sources: ["*"], targets: [" "], allow: [push]}`),
		err:  []string{"rules[0].targets[0]", "one namespace pattern"},
	},
	"an expression": {
		text: document(`{sources: ["*"], targets: [a, "team-.*"], allow: [push]}`),
		err:  []string{"rules[0].targets[1]", "regular expression", "a*"},
	},
	"what only takes away": {
		text:   document(`{sources: ["!a"], targets: ["*"], allow: [push]}`),
		err:    []string{"rules[0].sources", "only takes away"},
		beyond: true,
	},
	"an empty selector": {
		text: document(`{sourcesSelector: "", targets: ["*"], allow: [push]}`),
		err:  []string{"rules[0].sourcesSelector", `sources: ["*"]`},
	},
	"a selector as a map": {
		text: document(`{sources: ["*"], targetsSelector: {a: b}, allow: [push]}`),
		err:  []string{"rules[0].targetsSelector", "expected a label selector"},
	},
	"a broken selector": {
		text:   document(`{sources: ["*"], targetsSelector: "a in", allow: [push]}`),
		err:    []string{"rules[0].targetsSelector", "is not a label selector", "--selector"},
		beyond: true,
	},
	"no rights": {
		text: document(`{sources: ["*"], targets: ["*"]}`),
		err:  []string{"rules[0].allow", "push, attach and labels"},
	},
	"an empty allow": {
		text: document(`{sources: ["*"], targets: ["*"], allow: []}`),
		err:  []string{"rules[0].allow", "at least one"},
	},
	"an unknown right": {
		text: document("{sources: [a], targets: [b], allow: [push]}\n- {sources: [a], targets: [b], allow: [push, pull]}"),
		err:  []string{"rules[1].allow[1]", `"pull"`, "write push, attach or labels"},
	},
}

func TestParse(t *testing.T) {
	for title, tc := range documents {
		t.Run(title, func(t *testing.T) {
			r, err := rules.Parse(tc.text)
			if (err != nil) != (tc.err != nil) || (r == nil) != (err != nil) {
				t.Fatalf("the rules are %v, the error is %v", r, err)
			}
			for _, part := range tc.err {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not say %q: %v", part, err)
				}
			}
		})
	}
}

// TestSchema holds the published schema to the parser: it accepts what the parser reads, and refuses what the parser
// does not read, as far as a schema can tell.
func TestSchema(t *testing.T) {
	schema := readSchema(t)
	for title, tc := range documents {
		t.Run(title, func(t *testing.T) {
			var value any
			if err := yaml.Unmarshal([]byte(tc.text), &value); err != nil {
				return // there is nothing to hold against a schema
			}
			result := validate.NewSchemaValidator(schema, nil, "", strfmt.Default).Validate(value)
			if want := tc.err == nil || tc.beyond; result.IsValid() != want {
				t.Errorf("the schema accepts it: %t, want %t: %v", result.IsValid(), want, result.Errors)
			}
		})
	}
}

// TestSchemaNames finds what the one has and the other has not.
func TestSchemaNames(t *testing.T) {
	schema := readSchema(t)
	rule := schema.Properties["rules"].Items.Schema
	for _, field := range []string{"sources", "targets"} {
		if a, b := rule.Properties[field], rule.Properties[field+"Selector"]; a.Items == nil || b.Pattern == "" {
			t.Errorf("the schema does not describe %s and %sSelector", field, field)
		}
	}
	var rights []rules.Right
	for _, right := range rule.Properties["allow"].Items.Schema.Enum {
		text, _ := right.(string)
		rights = append(rights, rules.Right(text))
	}
	if !slices.Equal(rights, rules.All) {
		t.Errorf("the rights of the schema are %v, want %v", rights, rules.All)
	}
	if version := schema.Properties["apiVersion"].Enum; !slices.Equal(version, []any{rules.APIVersion}) {
		t.Errorf("the schema is of %v, want %s", version, rules.APIVersion)
	}
}

func readSchema(t *testing.T) *spec.Schema {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "rules.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema spec.Schema
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	return &schema
}

// FuzzParse: whatever the text, there are rules or an error.
func FuzzParse(f *testing.F) {
	for _, tc := range documents {
		f.Add(tc.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := rules.Parse(text); (r == nil) == (err == nil) {
			t.Errorf("the rules are %v, the error is %v", r, err)
		}
	})
}
