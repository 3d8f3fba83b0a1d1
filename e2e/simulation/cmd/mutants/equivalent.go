package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// equivalent is a systematic mutant that nothing can notice, with the reason.
type equivalent struct {
	path, what, code, reason string
	used                     bool
}

func (e *equivalent) is(m *mutant) bool {
	if e.path != m.path || e.what != m.what || e.code != m.code {
		return false
	}
	e.used = true
	return true
}

// readEquivalents reads three lines for each: the file and what is changed, the line of code as it stands, and the
// reason.
func readEquivalents(path string) (list []*equivalent, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if len(lines)%3 != 0 {
		return nil, fmt.Errorf("%s: want three lines for each mutant, there are %d", path, len(lines))
	}
	for ; len(lines) > 0; lines = lines[3:] {
		file, what, ok := strings.Cut(lines[0], ": ")
		if !ok {
			return nil, fmt.Errorf("%s: %q is not a file and what is changed", path, lines[0])
		}
		list = append(list, &equivalent{path: file, what: what, code: lines[1], reason: lines[2]})
	}
	return list, nil
}

// unused returns an error where the list has a mutant that does not exist, or is noticed.
func unused(list []*equivalent) error {
	for _, e := range list {
		if !e.used {
			return fmt.Errorf("equivalent.txt lists %s: %s, which is no mutant any more or is noticed; remove it\n%s",
				e.path, e.what, e.code)
		}
	}
	return nil
}
