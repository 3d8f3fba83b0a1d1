package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// TestDocumentedRules parses every rules document in the pages and in deploy/.
func TestDocumentedRules(t *testing.T) {
	documents := 0
	read := func(where, text string) {
		t.Helper()
		documents++
		if _, err := rules.Parse(text); err != nil {
			t.Errorf("%s: %v\n%s", where, err, text)
		}
	}
	block := regexp.MustCompile("(?s)\n```yaml\n(.*?)\n```")
	for _, page := range []string{"README.md", filepath.Join("docs", "rules.md"), filepath.Join("docs", "moving.md")} {
		for _, match := range block.FindAllStringSubmatch(readFile(t, page), -1) {
			var cm corev1.ConfigMap
			switch text := match[1]; {
			case strings.HasPrefix(text, "apiVersion: "+rules.APIVersion):
				read(page, text)
			case strings.Contains(text, rules.APIVersion):
				if err := sigsyaml.UnmarshalStrict([]byte(text), &cm); err != nil || cm.Name != informers.RulesName {
					t.Errorf("%s: the ConfigMap is %s: %v", page, cm.Name, err)
				}
				read(page, cm.Data[informers.RulesKey])
			}
		}
	}
	cm := only[corev1.ConfigMap](t, manifests(t, filepath.Join("kustomize", "components", "rules")), "ConfigMap")
	if cm.Name != informers.RulesName || cm.Namespace != fallbackNamespace {
		t.Errorf("the component makes the ConfigMap %s/%s", cm.Namespace, cm.Name)
	}
	read("the component", cm.Data[informers.RulesKey])
	if documents < 6 {
		t.Errorf("%d documents were found, want all", documents)
	}
}
