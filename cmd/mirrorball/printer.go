package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

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
	out       io.Writer
	noHeaders bool
	headers   []string
	rows      [][]string
}

func newTable(out io.Writer, noHeaders bool, headers ...string) *table {
	t := &table{out: out, noHeaders: noHeaders, headers: headers}
	if !noHeaders {
		t.row(headers...)
	}
	return t
}

// row adds a row. What the cluster holds is written by many, so control characters are escaped.
func (t *table) row(cells ...string) {
	for i, c := range cells {
		cells[i] = printable(c)
	}
	t.rows = append(t.rows, slices.Clone(cells))
}

// columnGap is how many spaces are between two columns.
const columnGap = 3

// Flush prints the rows.
func (t *table) Flush() error {
	var widths []int
	for _, row := range t.rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	_, colored := t.out.(coloredOutput)
	out := bufio.NewWriter(t.out)
	for n, row := range t.rows {
		for i, c := range row {
			padding := ""
			if i < len(row)-1 {
				padding = strings.Repeat(" ", widths[i]+columnGap-utf8.RuneCountInString(c))
			}
			if isHeading := n == 0 && !t.noHeaders; colored && !isHeading && i < len(t.headers) {
				c = painted(c, colorOf(t.headers[i], c))
			}
			fmt.Fprint(out, c, padding)
		}
		fmt.Fprintln(out)
	}
	t.rows = nil
	return out.Flush()
}

func painted(text string, color int) string {
	if color == 0 {
		return text
	}
	return fmt.Sprintf("\033[%dm%s\033[0m", color, text)
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
