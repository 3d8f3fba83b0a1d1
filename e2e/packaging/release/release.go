// Package release makes what a release consists of, in a folder: the image, the chart, install.yaml, programs, a
// manifest for krew, SBOMs, checksums and the section of the changelog. Two releases of one commit are equal, byte for
// byte.
package release

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/mirrorball-dev/mirrorball/e2e/packaging/archive"
	"github.com/mirrorball-dev/mirrorball/e2e/packaging/product"
)

// Maker makes the parts of a release of the source in the folder Dist.
type Maker struct {
	Source product.Source
	Dist   string
	// Programs are the platforms of the programs in a release, usually ProgramPlatforms.
	Programs []product.Platform
	// Downloads is the address of the folder that the files will be published in; by default that of GitHub's release.
	Downloads string
	Log       io.Writer
}

func (m Maker) say(format string, args ...any) { fmt.Fprintf(m.Log, format+"\n", args...) }

// semantic matches versions: of releases, and of pre-releases, which have a hyphen.
var semantic = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$`)

// Release makes everything, for an image that will have this name in a registry.
func (m Maker) Release(ctx context.Context, repository string) error {
	if err := m.check(ctx, repository); err != nil {
		return err
	}
	if err := os.RemoveAll(m.Dist); err != nil {
		return fmt.Errorf("remove the release that was made before: %w", err)
	}
	if err := os.MkdirAll(m.Dist, 0o755); err != nil {
		return fmt.Errorf("make the folder of the release: %w", err)
	}
	notes, err := m.notes()
	if err != nil {
		return err
	}
	index, err := m.Image(ctx)
	if err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return fmt.Errorf("compute the image's digest: %w", err)
	}
	chart, err := m.chart(repository, digest.String())
	if err != nil {
		return err
	}
	manifest, err := m.manifest(repository, digest.String())
	if err != nil {
		return err
	}
	for _, f := range []archive.File{
		{Name: "CHANGELOG.md", Content: notes},
		{Name: "install.yaml", Content: manifest},
		{Name: "mirrorball-" + m.chartVersion() + ".tgz", Content: chart},
	} {
		if err := m.write(f.Name, f.Content); err != nil {
			return err
		}
	}
	if err := m.programs(ctx); err != nil {
		return err
	}
	return m.checksums()
}

// check refuses what would make a release that nobody can reproduce or install.
func (m Maker) check(ctx context.Context, repository string) error {
	if !semantic.MatchString(m.Source.Version) {
		return fmt.Errorf("VERSION %q: write it as v1.2.3, or v1.2.3-rc.1 for a pre-release", m.Source.Version)
	}
	if _, err := name.NewRepository(repository, name.StrictValidation); err != nil {
		return fmt.Errorf("IMAGE %q: %w; write it as registry.example.com/mirrorball, without a tag", repository, err)
	}
	changes, err := m.Source.Changes(ctx)
	if err != nil {
		return err
	}
	if changes != "" {
		return fmt.Errorf("the checkout has changes, a release is of a commit; commit or remove them:\n%s", changes)
	}
	return nil
}

// write makes a file of the release.
func (m Maker) write(name string, content []byte) error {
	if err := os.WriteFile(filepath.Join(m.Dist, name), content, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	m.say("%s: %d bytes", filepath.Join(m.Dist, name), len(content))
	return nil
}

// checksums writes the SHA-256 sums of all files, in the format of sha256sum.
func (m Maker) checksums() error {
	var sums []string
	err := filepath.WalkDir(m.Dist, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(m.Dist, path)
		if err != nil {
			return err
		}
		sums = append(sums, fmt.Sprintf("%x  %s\n", sha256.Sum256(content), filepath.ToSlash(inside)))
		return nil
	})
	if err != nil {
		return fmt.Errorf("compute checksums: %w", err)
	}
	slices.SortFunc(sums, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
	return m.write("SHA256SUMS", []byte(strings.Join(sums, "")))
}
