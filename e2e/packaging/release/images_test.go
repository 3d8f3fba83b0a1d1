package release

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	spdxjson "github.com/spdx/tools-golang/json"

	"github.com/mirrorball-dev/mirrorball/e2e/packaging/image"
	"github.com/mirrorball-dev/mirrorball/e2e/packaging/internal/checkout"
	"github.com/mirrorball-dev/mirrorball/e2e/packaging/product"
)

const testVersion = "v0.0.0-test.1"

var all = flag.Bool("all", false, "make releases for all platforms, as `make release` does, and not for two")

// newMaker makes releases of a clone, in a folder of its own.
func newMaker(t *testing.T) Maker {
	t.Helper()
	clone := filepath.Join(t.TempDir(), "a checkout")
	checkout.Clone(t, clone)
	return open(t, clone)
}

// again is a maker of the same commit, in other folders.
func again(t *testing.T, m Maker) Maker {
	t.Helper()
	clone := filepath.Join(t.TempDir(), "another place", "checkout")
	checkout.Again(t, m.Source.Dir, clone)
	return open(t, clone)
}

func open(t *testing.T, dir string) Maker {
	t.Helper()
	source, err := product.Open(t.Context(), dir, testVersion)
	if err != nil {
		t.Fatal(err)
	}
	m := Maker{Source: source, Dist: filepath.Join(t.TempDir(), "dist"), Programs: ProgramPlatforms, Log: t.Output()}
	if !*all {
		m.Programs = []product.Platform{{OS: "linux", Arch: "amd64"}, {OS: "windows", Arch: "amd64"}}
	}
	return m
}

// files returns the contents of an image's files, and their headers.
func files(t *testing.T, one v1.Image) (map[string][]byte, map[string]*tar.Header) {
	t.Helper()
	contents, headers := map[string][]byte{}, map[string]*tar.Header{}
	stream := mutate.Extract(one)
	defer stream.Close()
	reader := tar.NewReader(stream)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return contents, headers
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		contents[header.Name], headers[header.Name] = content, header
	}
}

func TestImage(t *testing.T) {
	m := newMaker(t)
	index, err := m.Image(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}

	t.Run("two builds in two folders have one digest", func(t *testing.T) {
		second, err := again(t, m).Image(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := second.Digest(); err != nil || got != digest {
			t.Errorf("the digests are %s and %s: %v", digest, got, err)
		}
	})

	t.Run("the layout contains the image, and is valid", func(t *testing.T) {
		stored, err := image.ReadLayout(m.ImageDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Index(stored); err != nil {
			t.Error(err)
		}
		if got, err := stored.Digest(); err != nil || got != digest {
			t.Errorf("the digest is %s, want %s: %v", got, digest, err)
		}
	})

	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for i, descriptor := range manifest.Manifests {
		want := ImagePlatforms[i]
		t.Run(want.String(), func(t *testing.T) {
			if got := descriptor.Platform.String(); got != want.String() {
				t.Errorf("the platform is %s", got)
			}
			one, err := index.Image(descriptor.Digest)
			if err != nil {
				t.Fatal(err)
			}
			checkImage(t, m, want, one)
		})
	}

	t.Run("a registry serves it under the reference that Push returns", func(t *testing.T) {
		server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
		defer server.Close()
		reference, err := m.Push(t.Context(), strings.TrimPrefix(server.URL, "http://")+"/mirrorball:test")
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := name.NewDigest(reference)
		if err != nil {
			t.Fatal(err)
		}
		served, err := remote.Index(parsed)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Index(served); err != nil || parsed.DigestStr() != digest.String() {
			t.Errorf("%s is not %s: %v", reference, digest, err)
		}
	})
}

func checkImage(t *testing.T, m Maker, p product.Platform, one v1.Image) {
	t.Helper()
	size, err := image.Size(one)
	if err != nil || size > MaxImageSize {
		t.Errorf("the compressed size is %d, want at most %d: %v", size, MaxImageSize, err)
	}
	contents, headers := files(t, one)
	wantFiles := []string{"licenses", "licenses/LICENSE", "licenses/NOTICES.txt", "licenses/sbom.spdx.json", "mirrorball"}
	if got := slices.Sorted(maps.Keys(contents)); !slices.Equal(got, wantFiles) {
		t.Errorf("the files are %q, want no more and no less than %q", got, wantFiles)
	}
	for name, header := range headers {
		if header.Mode&0o222 != 0 && header.Typeflag != tar.TypeDir {
			t.Errorf("%s can be written: %o", name, header.Mode)
		}
		if !header.ModTime.Equal(m.Source.Time) {
			t.Errorf("%s is of %s, want the time of the commit, %s", name, header.ModTime, m.Source.Time)
		}
	}
	config, err := one.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if user := config.Config.User; user != "65532:65532" {
		t.Errorf("the process runs as %q", user)
	}
	if got := append(config.Config.Entrypoint, config.Config.Cmd...); !slices.Equal(got, []string{"/mirrorball", "run"}) {
		t.Errorf("the command is %q", got)
	}
	for key, want := range map[string]string{
		"version": testVersion, "revision": m.Source.Commit, "licenses": "Apache-2.0",
	} {
		if got := config.Config.Labels["org.opencontainers.image."+key]; got != want {
			t.Errorf("the label %s is %q, want %q", key, got, want)
		}
	}
	checkSBOM(t, contents["licenses/sbom.spdx.json"], contents["licenses/NOTICES.txt"])
	if p.Arch == "amd64" {
		checkProgram(t, m, contents["mirrorball"])
	}
}

// checkSBOM reads the document, and looks for modules that every build contains.
func checkSBOM(t *testing.T, spdx, notices []byte) {
	t.Helper()
	document, err := spdxjson.Read(bytes.NewReader(spdx))
	if err != nil {
		t.Fatal(err)
	}
	licences := map[string]string{}
	for _, p := range document.Packages {
		licences[p.PackageName] = p.PackageLicenseDeclared
		if !strings.Contains(string(notices), p.PackageName+" "+p.PackageVersion) {
			t.Errorf("the notices do not have %s", p.PackageName)
		}
	}
	for module, want := range map[string]string{
		"stdlib": "BSD-3-Clause", product.Module: "Apache-2.0", "k8s.io/client-go": "Apache-2.0",
		"go.uber.org/zap": "MIT", "github.com/spf13/pflag": "BSD-3-Clause",
	} {
		if !strings.Contains(licences[module], want) {
			t.Errorf("the licence of %s is %q, want %s", module, licences[module], want)
		}
	}
	var raw struct{ SPDXVersion, DocumentNamespace string }
	if err := json.Unmarshal(spdx, &raw); err != nil || raw.SPDXVersion != "SPDX-2.3" || raw.DocumentNamespace == "" {
		t.Errorf("the document is %+v: %v", raw, err)
	}
}

// checkProgram runs the program of the image.
func checkProgram(t *testing.T, m Maker, content []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mirrorball")
	if err := os.WriteFile(path, content, 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), path, "version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), testVersion) || !strings.Contains(string(out), m.Source.Commit) {
		t.Errorf("mirrorball version: %v: %s", err, out)
	}
}
