package release

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/mirrorball-dev/mirrorball/e2e/packaging/product"
)

// home is the address of the project.
const home = "https://" + product.Module

// krewPlugin is the manifest of a plugin for krew, in the version v1alpha2.
type krewPlugin struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Metadata   krewMetadata `json:"metadata"`
	Spec       krewSpec     `json:"spec"`
}

type krewMetadata struct {
	Name string `json:"name"`
}

type krewSpec struct {
	Version          string         `json:"version"`
	Homepage         string         `json:"homepage"`
	ShortDescription string         `json:"shortDescription"`
	Description      string         `json:"description"`
	Platforms        []krewPlatform `json:"platforms"`
}

type krewPlatform struct {
	Selector krewSelector `json:"selector"`
	URI      string       `json:"uri"`
	SHA256   string       `json:"sha256"`
	Files    []krewFile   `json:"files"`
	Bin      string       `json:"bin"`
}

type krewSelector struct {
	MatchLabels map[string]string `json:"matchLabels"`
}

type krewFile struct {
	From string `json:"from"`
	To   string `json:"to"`
}

const krewVersion = "krew.googlecontainertools.github.com/v1alpha2"

const krewDescription = `Mirrorball mirrors annotated Secrets and ConfigMaps into other namespaces. This plugin
only reads. It shows what is mirrored where, why or why not, what the controller
would write, and why Pods cannot pull their images.
`

// krew returns the manifest with which krew installs the programs from where the release is published.
func (m Maker) krew(programs []packed) ([]byte, error) {
	downloads := m.Downloads
	if downloads == "" {
		downloads = home + "/releases/download/" + m.Source.Version
	}
	plugin := krewPlugin{
		APIVersion: krewVersion, Kind: "Plugin", Metadata: krewMetadata{Name: "mirrorball"},
		Spec: krewSpec{
			Version: m.Source.Version, Homepage: home, ShortDescription: "Audit mirrored Secrets and ConfigMaps",
			Description: krewDescription,
		},
	}
	for _, p := range programs {
		plugin.Spec.Platforms = append(plugin.Spec.Platforms, krewPlatform{
			Selector: krewSelector{MatchLabels: map[string]string{"os": p.platform.OS, "arch": p.platform.Arch}},
			URI:      strings.TrimSuffix(downloads, "/") + "/" + p.name,
			SHA256:   fmt.Sprintf("%x", sha256.Sum256(p.content)),
			Files:    []krewFile{{From: p.program, To: "."}, {From: "LICENSE", To: "."}, {From: "NOTICES.txt", To: "."}},
			Bin:      p.program,
		})
	}
	text, err := yaml.Marshal(plugin)
	if err != nil {
		return nil, fmt.Errorf("write the manifest for krew: %w", err)
	}
	return text, nil
}
