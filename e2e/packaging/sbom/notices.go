package sbom

import (
	"fmt"
	"strings"
)

// Notices returns the licences and notices of all modules as one text.
func Notices(modules []Module) []byte {
	var text strings.Builder
	text.WriteString("Mirrorball contains the following Go modules. Their licences and notices follow.\n\n")
	for _, m := range modules {
		fmt.Fprintf(&text, "  %s %s: %s\n", m.Path, m.Version, strings.Join(m.Licences, ", "))
	}
	for _, m := range modules {
		for _, t := range m.Texts {
			fmt.Fprintf(&text, "\n%s\n%s %s: %s\n%[1]s\n\n%[5]s\n", strings.Repeat("=", 80), m.Path, m.Version, t.Name,
				strings.TrimSpace(t.Content))
		}
	}
	return []byte(text.String())
}
