package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"
	sigsyaml "sigs.k8s.io/yaml"
)

// printEncoded prints a value as JSON or YAML.
func printEncoded(out io.Writer, format string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err == nil && format == "yaml" {
		text, err = sigsyaml.JSONToYAML(text)
	}
	if err != nil {
		return unable("cannot encode the answer: %w", err)
	}
	_, err = fmt.Fprintln(out, strings.TrimSuffix(string(text), "\n"))
	return err
}

// table prints rows in columns.
type table struct {
	*tabwriter.Writer
	noHeaders bool
}

func newTable(out io.Writer, noHeaders bool, headers ...string) *table {
	t := &table{Writer: tabwriter.NewWriter(out, 0, 0, 3, ' ', 0), noHeaders: noHeaders}
	if !noHeaders {
		t.row(headers...)
	}
	return t
}

// row prints one row. What the cluster holds is written by many, so control characters are escaped.
func (t *table) row(cells ...string) {
	for i, c := range cells {
		cells[i] = printable(c)
	}
	fmt.Fprintln(t, strings.Join(cells, "\t"))
}

// printable escapes what a terminal would obey.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) < 0 {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// dash stands for an empty cell.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
