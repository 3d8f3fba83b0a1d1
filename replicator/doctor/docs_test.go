package doctor

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCodesAreDocumented compares the sections of docs/doctor.md with the codes.
func TestCodesAreDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "doctor.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := map[Code]string{}
	for _, section := range strings.Split(string(text), "\n### ")[1:] {
		code, body, _ := strings.Cut(section, " ")
		sections[Code(code)], _, _ = strings.Cut(body, "\n## ")
	}
	for _, code := range Codes() {
		about := code.About()
		if about.Severity != Error && about.Severity != Warning {
			t.Errorf("%s has the severity %q", code, about.Severity)
		}
		for _, sentence := range []string{about.Title, about.Remedy, string(about.Severity)} {
			if !strings.Contains(strings.Join(strings.Fields(sections[code]), " "), sentence) {
				t.Errorf("the section on %s in docs/doctor.md does not have %q", code, sentence)
			}
		}
	}
	for code := range sections {
		if code.About().Title == "" {
			t.Errorf("docs/doctor.md has a section on %s, which is no code", code)
		}
	}
}

// TestCodesAreDescribed reads the codes from their source, so that none is left out of the table.
func TestCodesAreDescribed(t *testing.T) {
	text, err := os.ReadFile("code.go")
	if err != nil {
		t.Fatal(err)
	}
	constants := regexp.MustCompile(`Code = "(MB[0-9]+)"`).FindAllStringSubmatch(string(text), -1)
	if len(constants) != len(Codes()) {
		t.Errorf("%d codes are declared, and %d described", len(constants), len(Codes()))
	}
	for _, constant := range constants {
		if Code(constant[1]).About().Title == "" {
			t.Errorf("%s is not described", constant[1])
		}
	}
}
