package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// says runs a command of mirrorball that only reads, as the administrator, and returns what it says and its exit code.
func (s *scene) says(args ...string) (said string, code int) {
	s.Helper()
	args = append(args, "--kubeconfig", s.system.Kubeconfig)
	command := exec.CommandContext(s.Context(), s.system.Mirrorball(), args...)
	out, err := command.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		s.Fatalf("mirrorball %s: %v", strings.Join(args, " "), err)
	}
	return string(out), code
}

// expectSays asserts the exit code of a command, and parts of what it says.
func (s *scene) expectSays(code int, args []string, parts ...string) {
	s.Helper()
	said, got := s.says(args...)
	if got != code {
		s.Errorf("mirrorball %s: exit code %d, want %d:\n%s", strings.Join(args, " "), got, code, said)
	}
	for _, part := range parts {
		if !strings.Contains(said, part) {
			s.Errorf("mirrorball %s does not say %q:\n%s", strings.Join(args, " "), part, said)
		}
	}
}

// TestCommands: audit, plan and explain say what a running controller does, and what it cannot do.
func TestCommands(t *testing.T) {
	s := newScene(t)
	from, free, taken := s.namespace("from"), s.namespace("to-free"), s.namespace("to-taken")
	stranger := s.create(object{namespace: taken, name: s.token(), data: map[string]string{"token": "theirs"}})
	source := pushed(secret, from, s.token(), s.ns("to-*"))
	source = s.create(source)
	s.replicated(source, free)
	s.expectEvent(source, "Occupied")
	named := from + "/" + source.name

	s.expectSays(1, []string{"audit", "-n", from}, "Active", "Occupied", taken+"/"+source.name)
	s.expectSays(1, []string{"audit", named, "-o", "wide"}, free+"/"+source.name, "InSync")
	s.expectSays(1, []string{"audit", "-n", from, "-o", "yaml"}, "apiVersion: audit.mirrorball.dev/v1")
	s.expectSays(1, []string{"audit", "-n", from, "-o", "html"}, "<!DOCTYPE html>")
	s.expectSays(1, []string{"audit", "-n", from, "-o", "name"}, "secret/"+named)
	s.expectSays(0, []string{"audit", "-n", from, "--fail-on", "Missing,Drifted"}, "Occupied")
	s.expectSays(0, []string{"plan", "-n", from}, "nothing to write")
	s.expectSays(1, []string{"explain", named, "--in", taken}, "Occupied")
	s.expectSays(0, []string{"explain", named, "--in", free}, "InSync")
	s.expectSays(1, []string{"explain", "secret/" + source.name, "-n", from, "--in", s.ns("to-new")}, "Missing")
	s.expectSays(0, []string{"explain", "secret/" + source.name, "-n", free}, "a replica", named)
	s.expectSays(1, []string{"explain", "namespace/" + taken}, "Occupied")
	s.expectSays(2, []string{"audit", "--as", "nobody"}, "missing: the verb list on namespaces")
	s.expectSays(2, []string{"audit", "-o", "xml"}, "must be table")

	s.delete(stranger)
	s.replicated(source, taken)
	s.eventually(func() error {
		if said, code := s.says("audit", "-n", from); code != 0 {
			return fmt.Errorf("exit code %d:\n%s", code, said)
		}
		return nil
	})
	text, code := s.says("audit", "-n", from, "-o", "json")
	var report struct {
		InSync  bool           `json:"inSync"`
		States  map[string]int `json:"states"`
		Unknown []string       `json:"unknown"`
	}
	if err := json.Unmarshal([]byte(text), &report); err != nil || code != 0 || !report.InSync ||
		report.States["InSync"] != 2 {
		t.Errorf("exit code %d, %v, %+v; want two targets in sync", code, err, report)
	}
}

// TestPlanBeforeStart: what the plan says before a first start, and after an edit, is what the controller then does.
func TestPlanBeforeStart(t *testing.T) {
	s := ownScene(t)
	from, a := s.namespace("from"), s.namespace("to-a")
	source := s.create(pushed(secret, from, s.token(), s.ns("to-*")))
	manifest := filepath.Join(t.TempDir(), "namespace.yaml")
	text := fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: %s\n", s.ns("to-b"))
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.expectSays(1, []string{"plan", "-n", from}, a+"/"+source.name, "Plan: 1 create.")
	s.expectSays(1, []string{"plan", "-n", from, "-f", manifest}, s.ns("to-b")+"/"+source.name, "Plan: 2 create.")
	s.expectSays(0, []string{"plan", "-n", from, "--protected-namespaces", "*"}, "nothing to write")
	b := s.namespace("to-b")
	s.system.Controller(s)
	s.replicated(source, a)
	s.replicated(source, b)
	s.eventually(func() error {
		if said, code := s.says("plan"); code != 0 {
			return fmt.Errorf("exit code %d:\n%s", code, said)
		}
		return nil
	})
}
