package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
)

// screen prints the demo. It never prints the content of a Secret.
type screen struct {
	out  io.Writer
	step int
}

func (s *screen) title(text string) { fmt.Fprintf(s.out, "\n%s\n", text) }

// begin prints the number and the title of the next step.
func (s *screen) begin(title string) {
	s.step++
	fmt.Fprintf(s.out, "\n%d. %s\n", s.step, title)
}

// command prints a command.
func (s *screen) command(text string) {
	fmt.Fprintf(s.out, "   $ %s\n", strings.ReplaceAll(text, "\n", "\n     "))
}

// output prints the output of a command.
func (s *screen) output(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(s.out, "     %s\n", strings.TrimRight(line, "\n"))
	}
}

// done prints a successful check with its duration.
func (s *screen) done(text string, took time.Duration) {
	fmt.Fprintf(s.out, "   ✓ %s (%s)\n", text, short(took))
}

// checkf prints a successful check.
func (s *screen) checkf(format string, args ...any) {
	fmt.Fprintf(s.out, "   ✓ %s\n", fmt.Sprintf(format, args...))
}

func short(duration time.Duration) string {
	if duration < time.Second {
		return fmt.Sprintf("%d ms", duration.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", duration.Seconds())
}

// faint returns a writer for progress lines, which are indented.
func (s *screen) faint() io.Writer { return indented{s.out} }

// indented indents each line. Every Write must contain whole lines.
type indented struct{ out io.Writer }

func (w indented) Write(text []byte) (int, error) {
	for line := range bytes.Lines(text) {
		if _, err := fmt.Fprintf(w.out, "     %s", line); err != nil {
			return 0, err
		}
	}
	return len(text), nil
}
