package doctor

import (
	"fmt"
	"testing"
)

func TestMisspelt(t *testing.T) {
	h := newHosts()
	h.add("registry.example.com:5000", false)
	h.add("registry-1.team.example.org", true)
	h.add("eu.registry.example.net", true)
	h.add("qhcr.io", true)
	tests := map[string]struct{ host, want string }{
		"swapped letters":               {"ghrc.io", "ghcr.io"},
		"a letter missing":              {"registry.gitlab.cm", "registry.gitlab.com"},
		"two mistakes in a long name":   {"registyr.gitlab.con", "registry.gitlab.com"},
		"a mistake in the end":          {"quay.oi", "quay.io"},
		"upper case":                    {"GHRC.io", "ghcr.io"},
		"the domain of many registries": {"team.azurcr.io", "team.azurecr.io"},
		"a registry of an image":        {"registry.exmaple.com", "registry.example.com"},
		"a well-known one":              {"ghcr.io", ""},
		"in a well-known domain":        {"europe-docker.pkg.dev", ""},
		"near, but images come from it": {"qhcr.io", ""},
		"another number":                {"registry-2.team.example.org", ""},
		"another region":                {"us.registry.example.net", ""},
		"a short name like another":     {"acr.io", ""},
		"something else":                {"harbor.example.com", ""},
		"nothing":                       {"", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := h.misspelt(tc.host); got != tc.want {
				t.Errorf("%s: got %q, want %q", tc.host, got, tc.want)
			}
		})
	}
}

// TestHostsAreBounded: neither many images nor many addresses make the comparison take long.
func TestHostsAreBounded(t *testing.T) {
	h := newHosts()
	for i := range namedLimit + 1 {
		h.add(fmt.Sprintf("r%d.example.com", i), false)
	}
	if len(h.named) != namedLimit {
		t.Errorf("%d hosts are compared, want %d", len(h.named), namedLimit)
	}
	for i := range answersLimit {
		h.answers[fmt.Sprintf("r%d.example.com", i)] = ""
	}
	if got := h.misspelt("ghrc.io"); got != "" || len(h.answers) != answersLimit {
		t.Errorf("beyond the limit of addresses, one was compared: %q", got)
	}
}
