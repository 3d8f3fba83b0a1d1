// Package screen prints what a demo does. It never prints the content of a Secret.
package screen

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
)

// Screen prints a demo.
type Screen struct {
	Out  io.Writer
	step int
}

// Title prints a line of its own.
func (s *Screen) Title(text string) { fmt.Fprintf(s.Out, "\n%s\n", text) }

// Begin prints the number and the title of the next step.
func (s *Screen) Begin(title string) {
	s.step++
	fmt.Fprintf(s.Out, "\n%d. %s\n", s.step, title)
}

// Command prints a command.
func (s *Screen) Command(text string) {
	fmt.Fprintf(s.Out, "   $ %s\n", strings.ReplaceAll(text, "\n", "\n     "))
}

// Output prints the output of a command.
func (s *Screen) Output(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(s.Out, "     %s\n", strings.TrimRight(line, "\n"))
	}
}

// Done prints a successful check with its duration.
func (s *Screen) Done(text string, took time.Duration) {
	fmt.Fprintf(s.Out, "   ✓ %s (%s)\n", text, short(took))
}

// Checkf prints a successful check.
func (s *Screen) Checkf(format string, args ...any) {
	fmt.Fprintf(s.Out, "   ✓ %s\n", fmt.Sprintf(format, args...))
}

func short(duration time.Duration) string {
	if duration < time.Second {
		return fmt.Sprintf("%d ms", duration.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", duration.Seconds())
}

// Faint returns a writer for progress lines, which are indented.
func (s *Screen) Faint() io.Writer { return indented{s.Out} }

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

// Silent returns a screen that prints nothing.
func Silent() *Screen { return &Screen{Out: io.Discard} }
