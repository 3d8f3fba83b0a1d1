package release

import (
	"crypto/sha256"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/mirrorball-dev/mirrorball/e2e/packaging/product"
)

func TestKrewManifest(t *testing.T) {
	m := Maker{Source: product.Source{Version: testVersion}}
	var programs []packed
	for _, p := range ProgramPlatforms {
		programs = append(programs, packed{platform: p, name: "mirrorball-" + p.OS + "-" + p.Arch, program: "mirrorball"})
	}

	t.Run("has a platform each", func(t *testing.T) {
		plugin := krewManifest(t, m, programs)
		checkKrewPlugin(t, plugin)
		want := []string{
			"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64",
		}
		var got []string
		for _, p := range plugin.Spec.Platforms {
			got = append(got, p.Selector.MatchLabels["os"]+"/"+p.Selector.MatchLabels["arch"])
		}
		if !slices.Equal(got, want) {
			t.Errorf("the platforms are %q, want %q", got, want)
		}
	})
	t.Run("names the place that the release is published at", func(t *testing.T) {
		for downloads, want := range map[string]string{
			"":                              home + "/releases/download/" + testVersion + "/mirrorball-linux-amd64",
			"https://example.com/releases/": "https://example.com/releases/mirrorball-linux-amd64",
		} {
			m := m
			m.Downloads = downloads
			if got := krewManifest(t, m, programs[:1]).Spec.Platforms[0].URI; got != want {
				t.Errorf("with the downloads at %q, the address is %s, want %s", downloads, got, want)
			}
		}
	})
}

func krewManifest(t *testing.T, m Maker, programs []packed) krewPlugin {
	t.Helper()
	text, err := m.krew(programs)
	if err != nil {
		t.Fatal(err)
	}
	return parseKrewPlugin(t, text)
}

// parseKrewPlugin parses a manifest, and refuses fields that krew does not know.
func parseKrewPlugin(t *testing.T, text []byte) (p krewPlugin) {
	t.Helper()
	if err := yaml.UnmarshalStrict(text, &p); err != nil {
		t.Fatalf("the manifest for krew: %v", err)
	}
	return p
}

// checkKrewPlugin checks a manifest against the rules of krew's validation, and of its index of plugins. The package
// with them is internal to krew, and its module requires a client-go that sorts after the one of Kubernetes 1.37.
func checkKrewPlugin(t *testing.T, p krewPlugin) {
	t.Helper()
	for what, ok := range map[string]bool{
		"apiVersion":       p.APIVersion == "krew.googlecontainertools.github.com/v1alpha2",
		"kind":             p.Kind == "Plugin",
		"name":             p.Metadata.Name == "mirrorball", // and so does the file have to be called
		"version":          semantic.MatchString(p.Spec.Version),
		"homepage":         strings.HasPrefix(p.Spec.Homepage, "https://"),
		"shortDescription": p.Spec.ShortDescription != "" && !strings.ContainsAny(p.Spec.ShortDescription, "\r\n"),
		"description":      p.Spec.Description != "",
		"platforms":        len(p.Spec.Platforms) > 0,
	} {
		if !ok {
			t.Errorf("%s is not as krew wants it: %+v", what, p)
		}
	}
	seen := map[string]bool{}
	for _, platform := range p.Spec.Platforms {
		checkKrewPlatform(t, platform)
		key := fmt.Sprint(platform.Selector.MatchLabels)
		if seen[key] {
			t.Errorf("there are two platforms with %s", key)
		}
		seen[key] = true
	}
}

func checkKrewPlatform(t *testing.T, p krewPlatform) {
	t.Helper()
	labels := p.Selector.MatchLabels
	named := func(file krewFile) bool { return file.From == p.Bin && file.To == "." }
	for what, ok := range map[string]bool{
		"selector":             len(labels) == 2 && labels["os"] != "" && labels["arch"] != "",
		"uri":                  strings.HasPrefix(p.URI, "https://"),
		"sha256":               regexp.MustCompile(`^[a-f0-9]{64}$`).MatchString(p.SHA256),
		"bin":                  p.Bin != "" && slices.ContainsFunc(p.Files, named),
		"files: from and to":   !slices.ContainsFunc(p.Files, func(f krewFile) bool { return f.From == "" || f.To == "" }),
		"files: a licence too": slices.ContainsFunc(p.Files, func(f krewFile) bool { return f.From == "LICENSE" }),
	} {
		if !ok {
			t.Errorf("%s is not as krew wants it: %+v", what, p)
		}
	}
}

// checkKrewArchives checks that a manifest is about the archives of a release, and that they have what it installs.
func checkKrewArchives(t *testing.T, p krewPlugin, files map[string]string) {
	t.Helper()
	for _, platform := range p.Spec.Platforms {
		name := path.Base(platform.URI)
		content := []byte(files[name])
		if sum := fmt.Sprintf("%x", sha256.Sum256(content)); sum != platform.SHA256 {
			t.Errorf("the manifest has the sum %s for %s, want %s", platform.SHA256, name, sum)
		}
		list := namesOfTar
		if path.Ext(name) == ".zip" {
			list = namesOfZip
		}
		inside := list(t, content)
		for _, file := range platform.Files {
			if !slices.Contains(inside, file.From) {
				t.Errorf("%s does not have %s, only %q", name, file.From, inside)
			}
		}
	}
}
