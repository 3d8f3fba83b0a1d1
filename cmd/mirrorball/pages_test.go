package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var updateFlag = flag.Bool("update", false, "write docs/cli")

// TestCommandPages compares docs/cli with the commands; -update writes it.
func TestCommandPages(t *testing.T) {
	dir := filepath.Join("..", "..", "docs", "cli")
	var names []string
	for _, command := range rootCommand().Commands() {
		if command.Name() == "help" || command.Name() == "completion" {
			continue
		}
		name := command.Name() + ".md"
		names = append(names, name)
		want := page(command)
		if *updateFlag {
			if err := os.WriteFile(filepath.Join(dir, name), want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/cli/%s is not what the command says; run `make docs` (%v)", name, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(names, e.Name()) {
			t.Errorf("docs/cli/%s is of no command", e.Name())
		}
	}
}

// page is a command's page.
func page(command *cobra.Command) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# mirrorball %s\n\n%s\n\n", command.Name(), command.Short)
	fmt.Fprintf(&b, "```\n%s\n```\n\n", command.UseLine())
	if command.Long != "" {
		fmt.Fprintf(&b, "```text\n%s\n```\n\n", command.Long)
	}
	if command.Example != "" {
		fmt.Fprintf(&b, "## Examples\n\n```console\n%s\n```\n\n", command.Example)
	}
	if usages := command.Flags().FlagUsagesWrapped(110); usages != "" {
		fmt.Fprintf(&b, "## Flags\n\n```text\n%s\n```\n", strings.TrimRight(usages, "\n"))
	}
	return b.Bytes()
}
