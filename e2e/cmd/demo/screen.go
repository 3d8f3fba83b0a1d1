package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
)

// screen prints the story. It is never given the content of a Secret.
type screen struct {
	out     io.Writer
	chapter int
}

func (s *screen) title(text string) { fmt.Fprintf(s.out, "\n%s\n", text) }

// begin begins a chapter.
func (s *screen) begin(title string) {
	s.chapter++
	fmt.Fprintf(s.out, "\n%d. %s\n", s.chapter, title)
}

// command shows what a person would type.
func (s *screen) command(text string) {
	fmt.Fprintf(s.out, "   $ %s\n", strings.ReplaceAll(text, "\n", "\n     "))
}

// output shows what a command printed.
func (s *screen) output(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(s.out, "     %s\n", strings.TrimRight(line, "\n"))
	}
}

// done ticks off something that took a while.
func (s *screen) done(text string, took time.Duration) {
	fmt.Fprintf(s.out, "   ✓ %s (%s)\n", text, short(took))
}

// checkf ticks off something that just is so.
func (s *screen) checkf(format string, args ...any) {
	fmt.Fprintf(s.out, "   ✓ %s\n", fmt.Sprintf(format, args...))
}

func short(duration time.Duration) string {
	if duration < time.Second {
		return fmt.Sprintf("%d ms", duration.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", duration.Seconds())
}

// faint takes the progress lines of others and indents them.
func (s *screen) faint() io.Writer { return indented{s.out} }

// indented indents each line; its writers write whole ones.
type indented struct{ out io.Writer }

func (w indented) Write(text []byte) (int, error) {
	for line := range bytes.Lines(text) {
		if _, err := fmt.Fprintf(w.out, "     %s", line); err != nil {
			return 0, err
		}
	}
	return len(text), nil
}
