package release

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// notes returns the section of the changelog for the version. A pre-release has the section Unreleased.
func (m Maker) notes() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(m.Source.Dir, "CHANGELOG.md"))
	if err != nil {
		return nil, fmt.Errorf("read the changelog: %w", err)
	}
	title := m.chartVersion()
	if strings.Contains(title, "-") {
		title = "Unreleased"
	}
	var section strings.Builder
	inside := false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "## ") {
			inside = strings.HasPrefix(line, "## ["+title+"]")
		}
		if inside {
			section.WriteString(line)
		}
	}
	if section.Len() == 0 {
		return nil, fmt.Errorf("CHANGELOG.md has no section [%s]: rename [Unreleased], and commit", title)
	}
	return []byte(strings.TrimSpace(section.String()) + "\n"), nil
}
