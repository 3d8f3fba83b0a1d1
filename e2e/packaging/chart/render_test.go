package chart

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// byName are the objects by kind and name, less the Namespace, which Helm makes itself.
func byName(t *testing.T, objects []*unstructured.Unstructured) map[string]map[string]any {
	t.Helper()
	named := map[string]map[string]any{}
	for _, o := range objects {
		if o.GetKind() == "Namespace" {
			continue
		}
		key := o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
		if _, twice := named[key]; twice {
			t.Errorf("%s is rendered twice", key)
		}
		parseEmbedded(t, o)
		named[key] = o.Object
	}
	return named
}

// parseEmbedded replaces the documents in a ConfigMap by what they say, so that their layout is not compared.
func parseEmbedded(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	data, ok := o.Object["data"].(map[string]any)
	if o.GetKind() != "ConfigMap" || !ok {
		return
	}
	for key, value := range data {
		text, ok := value.(string)
		if !ok {
			t.Fatalf("%s of %s is no text", key, o.GetName())
		}
		var parsed any
		if err := yaml.Unmarshal([]byte(text), &parsed); err != nil {
			t.Fatalf("%s of %s: %v", key, o.GetName(), err)
		}
		data[key] = parsed
	}
}

// TestKustomizeAndChartAgree: deploy/kustomize and deploy/chart render the same objects.
func TestKustomizeAndChartAgree(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	component := byName(t, kustomize(t, filepath.Join("kustomize", "components", "rules")))
	data, _, err := unstructured.NestedMap(component["ConfigMap mirrorball-system/mirrorball"], "data", "rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(map[string]any{"rules": data["rules"]})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(rules, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		components []string
		args       []string
	}{
		"the defaults": {nil, nil},
		"the FlowSchema": {
			[]string{filepath.Join("kustomize", "components", "flowschema")}, []string{"--set", "flowSchema.enabled=true"},
		},
		"some namespaces": {
			[]string{filepath.Join("kustomize", "components", "namespaces")},
			[]string{"--set", `config.namespaces=team-a\,team-b`},
		},
		"the rules": {[]string{filepath.Join("kustomize", "components", "rules")}, []string{"--values", rules}},
		"the cage": {
			[]string{filepath.Join("kustomize", "components", "cage")}, []string{"--set", "admission.cage.enabled=true"},
		},
		"the guard": {
			[]string{filepath.Join("kustomize", "components", "guard")}, []string{"--set", "admission.guard.mode=deny"},
		},
		"the guard that warns": {
			[]string{filepath.Join("kustomize", "components", "guard-warn")}, []string{"--set", "admission.guard.mode=warn"},
		},
		"the licence": {
			[]string{filepath.Join("kustomize", "components", "licence")}, []string{"--set", "admission.licence.mode=deny"},
		},
		"the licence that warns": {
			[]string{filepath.Join("kustomize", "components", "licence-warn")},
			[]string{"--set", "admission.licence.mode=warn"},
		},
		"born attached": {
			[]string{
				filepath.Join("kustomize", "components", "born-attached"),
				filepath.Join("kustomize", "components", "born-attached-pods"),
			},
			[]string{"--set", "admission.bornAttached.enabled=true,admission.bornAttached.pods=true"},
		},
		"monitoring": {
			[]string{"monitoring"},
			[]string{"--set", "metrics.serviceMonitor.enabled=true,metrics.alerts.enabled=true,dashboard.enabled=true"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := byName(t, kustomize(t, tc.components...))
			got := byName(t, template(t, append(slices.Clone(placeholder), tc.args...)...))
			if len(got) < 8 {
				t.Errorf("only %q are rendered", slices.Sorted(maps.Keys(got)))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("kustomize renders -, the chart renders +:\n%s", diff)
			}
		})
	}
}
