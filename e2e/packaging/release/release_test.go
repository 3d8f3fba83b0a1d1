package release

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	spdxjson "github.com/spdx/tools-golang/json"
	"helm.sh/helm/v4/pkg/chart/v2/loader"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
	"github.com/mirrorball-dev/mirrorball/e2e/packaging/image"
)

// tree returns the contents of all files below a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	contents := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(dir, path)
		contents[filepath.ToSlash(inside)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return contents
}

func TestRelease(t *testing.T) {
	m := newMaker(t)
	const repository = "registry.example.com/mirrorball"
	if err := m.Release(t.Context(), repository); err != nil {
		t.Fatal(err)
	}
	files := tree(t, m.Dist)
	index, err := image.ReadLayout(m.ImageDir())
	if err != nil {
		t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	reference := repository + "@" + digest.String()

	t.Run("install.yaml names the digest of the image", func(t *testing.T) {
		if text := files["install.yaml"]; strings.Count(text, "image: "+reference) != 1 || strings.Contains(text, "invalid") {
			t.Errorf("install.yaml does not use %s", reference)
		}
	})

	t.Run("the chart has the version and names the digest", func(t *testing.T) {
		packed := files["mirrorball-0.0.0-test.1.tgz"]
		chart, err := loader.LoadArchive(strings.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		if chart.Metadata.Version != "0.0.0-test.1" || chart.Metadata.AppVersion != testVersion {
			t.Errorf("the versions are %s and %s", chart.Metadata.Version, chart.Metadata.AppVersion)
		}
		values, ok := chart.Values["image"].(map[string]any)
		if !ok || values["repository"] != repository || values["digest"] != digest.String() {
			t.Errorf("the image is %v", chart.Values["image"])
		}
		top, err := layout.ImageIndexFromPath(m.ChartDir())
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := top.IndexManifest()
		if err != nil || len(manifest.Manifests) != 1 {
			t.Fatalf("the layout of the chart has %v: %v", manifest, err)
		}
		artifact, err := top.Image(manifest.Manifests[0].Digest)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(artifact, validate.Fast); err != nil {
			t.Error(err)
		}
		layers, err := artifact.Layers()
		if err != nil || len(layers) != 1 {
			t.Fatalf("the chart has the layers %v: %v", layers, err)
		}
		content, err := layers[0].Compressed()
		if err != nil {
			t.Fatal(err)
		}
		defer content.Close()
		if stored, err := io.ReadAll(content); err != nil || string(stored) != packed {
			t.Errorf("the layer of the chart is not the archive: %v", err)
		}
	})

	t.Run("helm pulls the chart from a registry", func(t *testing.T) {
		if pulled := pullChart(t, m.ChartDir()); pulled != files["mirrorball-0.0.0-test.1.tgz"] {
			t.Error("helm pulls something else than the archive")
		}
	})

	t.Run("each platform has a program and an SBOM", func(t *testing.T) {
		for _, p := range m.Programs {
			name := "mirrorball-" + testVersion + "-" + p.OS + "-" + p.Arch
			if _, err := spdxjson.Read(strings.NewReader(files[name+".spdx.json"])); err != nil {
				t.Errorf("%s.spdx.json: %v", name, err)
			}
			want := []string{"LICENSE", "NOTICES.txt", "mirrorball"}
			file, list := name+".tar.gz", namesOfTar
			if p.OS == "windows" {
				want[2], file, list = "mirrorball.exe", name+".zip", namesOfZip
			}
			if names := list(t, []byte(files[file])); !slices.Equal(names, want) {
				t.Errorf("%s contains %q, want %q", file, names, want)
			}
		}
	})

	t.Run("krew can install the programs", func(t *testing.T) {
		plugin := parseKrewPlugin(t, []byte(files["mirrorball.yaml"]))
		checkKrewPlugin(t, plugin)
		if got := len(plugin.Spec.Platforms); got != len(m.Programs) {
			t.Errorf("the manifest has %d platforms, want %d", got, len(m.Programs))
		}
		checkKrewArchives(t, plugin, files)
	})

	t.Run("sha256sum accepts the checksums, which are of all other files", func(t *testing.T) {
		var want string
		for _, line := range slices.Collect(strings.Lines(files["SHA256SUMS"])) {
			name := strings.TrimSpace(line[66:])
			want += fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(files[name])), name)
		}
		if files["SHA256SUMS"] != want || strings.Count(want, "\n") != len(files)-1 {
			t.Errorf("the checksums are of %d files, want %d", strings.Count(want, "\n"), len(files)-1)
		}
	})

	t.Run("the notes are the section of the changelog", func(t *testing.T) {
		if notes := files["CHANGELOG.md"]; !strings.HasPrefix(notes, "## [Unreleased]\n") {
			t.Errorf("the notes are %q", notes)
		}
	})

	t.Run("two releases of a commit in two folders are equal", func(t *testing.T) {
		second := again(t, m)
		if err := second.Release(t.Context(), repository); err != nil {
			t.Fatal(err)
		}
		if sums := tree(t, second.Dist)["SHA256SUMS"]; sums != files["SHA256SUMS"] {
			t.Errorf("the checksums are\n%s, and then\n%s", files["SHA256SUMS"], sums)
		}
	})
}

// pullChart copies the layout to a registry, has helm pull it, and returns the archive.
func pullChart(t *testing.T, dir string) string {
	t.Helper()
	server := httptest.NewServer(ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/charts/mirrorball"
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := top.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	artifact, err := top.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := crane.Push(artifact, repository+":0.0.0-test.1"); err != nil {
		t.Fatal(err)
	}
	helm, err := repo.Program("helm", "helm")
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	command := exec.CommandContext(t.Context(), helm, "pull", "oci://"+repository, "--version", "0.0.0-test.1",
		"--plain-http", "--destination", to)
	command.Env = append(os.Environ(), "HELM_CACHE_HOME="+t.TempDir(), "HELM_CONFIG_HOME="+t.TempDir())
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("helm pull: %v: %s", err, out)
	}
	return tree(t, to)["mirrorball-0.0.0-test.1.tgz"]
}

func namesOfTar(t *testing.T, content []byte) (names []string) {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	reader := tar.NewReader(unzipped)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
}

func namesOfZip(t *testing.T, content []byte) (names []string) {
	t.Helper()
	reader, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range reader.File {
		names = append(names, f.Name)
	}
	return names
}

// TestRefusedReleases: what cannot be a release says what to change, before anything is built.
func TestRefusedReleases(t *testing.T) {
	for name, tc := range map[string]struct {
		version, repository string
		change              bool
		want                string
	}{
		"a version without v":            {version: "1.2.3", want: `VERSION "1.2.3": write it as v1.2.3`},
		"a version of git describe":      {version: "dev", want: `VERSION "dev"`},
		"an image with a tag":            {repository: "registry.example.com/mirrorball:1", want: "without a tag"},
		"an image without a registry":    {repository: "mirrorball", want: "registry.example.com/mirrorball"},
		"a changed file":                 {change: true, want: "the checkout has changes"},
		"a version without release note": {version: "v9.9.9", want: "CHANGELOG.md has no section [9.9.9]"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMaker(t)
			if tc.version != "" {
				m.Source.Version = tc.version
			}
			if tc.repository == "" {
				tc.repository = "registry.example.com/mirrorball"
			}
			if tc.change {
				if err := os.WriteFile(filepath.Join(m.Source.Dir, "go.mod"), []byte("changed"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := m.Release(t.Context(), tc.repository); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("the error is %v, want one with %q", err, tc.want)
			}
		})
	}
}
