package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"
)

func readFile(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// groups is the set of what the expression's first group matches.
func groups(expression, text string) map[string]bool {
	set := map[string]bool{}
	for _, match := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		set[match[1]] = true
	}
	return set
}

func TestFlagsAreDocumented(t *testing.T) {
	documented := groups("`--([a-z][a-z-]*)", readFile(t, "docs", "flags.md"))
	flags := runCommand().Flags()
	flags.VisitAll(func(flag *pflag.Flag) {
		if !documented[flag.Name] {
			t.Errorf("docs/flags.md does not have --%s", flag.Name)
		}
	})
	for name := range documented {
		if flags.Lookup(name) == nil {
			t.Errorf("docs/flags.md has --%s, which is no flag of `mirrorball run`", name)
		}
	}
}

// TestAnnotationsAreDocumented reads the keys from the constants' source, so that a new one cannot be left out here.
func TestAnnotationsAreDocumented(t *testing.T) {
	text := readFile(t, "docs", "reference.md")
	documented := groups("`mirrorball\\.dev/([a-z-]+)`", text)
	keys := groups(`= Prefix \+ "([a-z-]+)"`, readFile(t, "annotations", "keys.go"))
	if len(keys) == 0 {
		t.Fatal("annotations/keys.go has no keys of the form that this test looks for")
	}
	for key := range keys {
		if !documented[key] {
			t.Errorf("docs/reference.md does not have mirrorball.dev/%s", key)
		}
	}
	for key := range documented {
		if !keys[key] {
			t.Errorf("docs/reference.md has mirrorball.dev/%s, which is no key", key)
		}
	}
	for _, dialect := range []string{"reflector", "replicator"} {
		keys := groups(`= `+dialect+`Prefix \+ "([a-z-]+)"`, readFile(t, "annotations", dialect+".go"))
		if len(keys) == 0 {
			t.Fatalf("annotations/%s.go has no keys of the form that this test looks for", dialect)
		}
		for key := range keys {
			if !strings.Contains(text, "`"+key+"`") {
				t.Errorf("docs/reference.md does not have %s's %s", dialect, key)
			}
		}
	}
}

// TestMetricsAreDocumented gathers the process's metrics, and reads the controller's from their source.
func TestMetricsAreDocumented(t *testing.T) {
	text := readFile(t, "docs", "metrics.md")
	names := map[string]bool{}
	for _, file := range []string{"metrics.go", "livenessmetrics.go"} {
		found := groups(`"(mirrorball_[a-z_]+)"`, readFile(t, "replicator", file))
		if len(found) == 0 {
			t.Fatalf("replicator/%s has no names of the form that this test looks for", file)
		}
		maps.Copy(names, found)
	}
	described := make(chan *prometheus.Desc, 100)
	newRegistry(build{}, &status{}).Describe(described)
	close(described)
	for desc := range described {
		names[regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(desc.String())[1]] = true
	}
	documented := groups("(?m)^\\| `([a-z_]+)` \\|", text)
	for name := range names {
		// Go's and the process's own are the Go client library's to describe.
		if !documented[name] && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("docs/metrics.md does not have %s", name)
		}
	}
	for name := range documented {
		if !names[name] {
			t.Errorf("docs/metrics.md has %s, which is no metric", name)
		}
	}
}

func TestEventsAreDocumented(t *testing.T) {
	documented := groups("(?m)^\\| `([A-Za-z]+)` \\|", readFile(t, "docs", "events.md"))
	reasons := groups(`\treason[A-Za-z]+\s+= "([A-Za-z]+)"`, readFile(t, "replicator", "warnings.go"))
	if len(reasons) == 0 {
		t.Fatal("replicator/warnings.go has no reasons of the form that this test looks for")
	}
	for reason := range reasons {
		if !documented[reason] {
			t.Errorf("docs/events.md does not have %s", reason)
		}
	}
	for reason := range documented {
		if !reasons[reason] {
			t.Errorf("docs/events.md has %s, which is no event's reason", reason)
		}
	}
}

// TestControlsAreTested: the tests and the named mutants that docs/security.md points to are there.
func TestControlsAreTested(t *testing.T) {
	text := readFile(t, "docs", "security.md")
	tests, markers := map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		source, err := os.ReadFile(path)
		maps.Copy(tests, groups(`(?m)^func (Test\w+)\(`, string(source)))
		maps.Copy(markers, groups(`(?m)^\t+//mutant:([a-z-]+)$`, string(source)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range groups("`(Test\\w+)`", text) {
		if !tests[name] {
			t.Errorf("docs/security.md has %s, which is no test", name)
		}
	}
	for list := range groups("mutants? ((?:`[a-z-]+`(?:, )?)+)", text) {
		for name := range groups("`([a-z-]+)`", list) {
			if !markers[name] {
				t.Errorf("docs/security.md has the mutant %s, which no //mutant: comment marks", name)
			}
		}
	}
}
