package main

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/pflag"

	"github.com/mirrorball-dev/mirrorball/replicator/doctor"
	"github.com/mirrorball-dev/mirrorball/replicator/inspect"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// colorMode is the value of --color: when states are printed in colour.
type colorMode string

var colorModes = []string{"auto", "always", "never"}

func (m *colorMode) register(set *pflag.FlagSet) {
	*m = "auto"
	set.Var(m, "color", "`when` states in tables have colours: "+alternatives(colorModes)+
		"; auto: on a terminal, unless $NO_COLOR is set")
}

// Set implements pflag.Value.
func (m *colorMode) Set(text string) error {
	if !slices.Contains(colorModes, text) {
		return fmt.Errorf("must be %s", alternatives(colorModes))
	}
	*m = colorMode(text)
	return nil
}

// String implements pflag.Value.
func (m *colorMode) String() string { return string(*m) }

// Type implements pflag.Value.
func (m *colorMode) Type() string { return "when" }

// output returns the output as one whose tables have colours, if they should.
func (m *colorMode) output(out io.Writer) io.Writer {
	if *m == "always" || *m == "auto" && isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		return coloredOutput{out}
	}
	return out
}

// coloredOutput is an output whose tables have colours.
type coloredOutput struct{ io.Writer }

// Colours, as ECMA-48 numbers them. A terminal has its own shades, which its user can read.
const (
	red    = 31
	green  = 32
	yellow = 33
)

// colorOf returns the colour of a cell in the column with a heading; 0: none.
func colorOf(heading, cell string) int {
	switch heading {
	case "SEVERITY":
		switch doctor.Severity(cell) {
		case doctor.Error:
			return red
		case doctor.Warning:
			return yellow
		}
	case "STATE", "PHASE":
		switch inspect.ClassOf(plan.State(cell)) {
		case inspect.Good:
			return green
		case inspect.Waiting:
			return yellow
		case inspect.Bad:
			return red
		}
	}
	return 0
}
