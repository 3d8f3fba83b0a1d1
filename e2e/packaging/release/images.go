package release

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/mirrorball-dev/mirrorball/e2e/packaging/image"
	"github.com/mirrorball-dev/mirrorball/e2e/packaging/product"
)

// ImagePlatforms are those of the image.
var ImagePlatforms = []product.Platform{{OS: "linux", Arch: "amd64"}, {OS: "linux", Arch: "arm64"}}

// MaxImageSize is the limit of the compressed size of the image of one platform.
const MaxImageSize = 15_000_000

// ImageDir is the OCI layout with the image.
func (m Maker) ImageDir() string { return filepath.Join(m.Dist, "image") }

// Image makes the image of all platforms and writes it to ImageDir.
func (m Maker) Image(ctx context.Context) (v1.ImageIndex, error) {
	work, err := os.MkdirTemp("", "mirrorball-image-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	var images []v1.Image
	for _, p := range ImagePlatforms {
		built, err := m.build(ctx, p, filepath.Join(work, p.Arch))
		if err != nil {
			return nil, err
		}
		one, err := m.imageOf(built)
		if err != nil {
			return nil, err
		}
		images = append(images, one)
	}
	index, err := image.Index(m.labels(), images...)
	if err != nil {
		return nil, err
	}
	if err := image.WriteLayout(m.ImageDir(), m.Source.Version, index); err != nil {
		return nil, err
	}
	digest, err := index.Digest()
	if err != nil {
		return nil, fmt.Errorf("compute the image's digest: %w", err)
	}
	m.say("%s: %s", m.ImageDir(), digest)
	return index, nil
}

func (m Maker) imageOf(built program) (v1.Image, error) {
	licence, err := os.ReadFile(filepath.Join(m.Source.Dir, "LICENSE"))
	if err != nil {
		return nil, fmt.Errorf("read the licence: %w", err)
	}
	one, err := image.Build(image.Content{
		Platform: built.platform,
		Program:  built.file,
		Licences: map[string][]byte{"LICENSE": licence, "NOTICES.txt": built.notices, "sbom.spdx.json": built.spdx},
		Labels:   m.labels(),
		Time:     m.Source.Time,
	})
	if err != nil {
		return nil, err
	}
	size, err := image.Size(one)
	if err != nil {
		return nil, err
	}
	m.say("image for %s: %.1f MB compressed", built.platform, float64(size)/1e6)
	if size > MaxImageSize {
		return nil, fmt.Errorf("the image for %s has %d bytes, more than %d: find what makes the program large",
			built.platform, size, MaxImageSize)
	}
	return one, nil
}

// labels are the annotations that the OCI image specification defines.
func (m Maker) labels() map[string]string {
	const oci = "org.opencontainers.image."
	return map[string]string{
		oci + "title":         "mirrorball",
		oci + "description":   "Mirrors annotated Secrets and ConfigMaps into other namespaces.",
		oci + "version":       m.Source.Version,
		oci + "revision":      m.Source.Commit,
		oci + "created":       m.Source.Time.Format(time.RFC3339),
		oci + "source":        "https://" + product.Module,
		oci + "documentation": "https://" + product.Module + "#readme",
		oci + "licenses":      "Apache-2.0",
	}
}

// Push writes the image of ImageDir to a registry, with the credentials of the user's Docker configuration, and returns
// the reference with its digest.
func (m Maker) Push(ctx context.Context, to string) (string, error) {
	tag, err := name.NewTag(to, name.StrictValidation)
	if err != nil {
		return "", fmt.Errorf("IMAGE %q: %w; write it as registry.example.com/mirrorball:tag", to, err)
	}
	index, err := image.ReadLayout(m.ImageDir())
	if err != nil {
		return "", err
	}
	digest, err := index.Digest()
	if err != nil {
		return "", fmt.Errorf("compute the image's digest: %w", err)
	}
	err = remote.WriteIndex(tag, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
	if err != nil {
		return "", fmt.Errorf("push to %s: %w; `docker login` or `crane auth login` saves credentials", tag.Registry, err)
	}
	reference := tag.Digest(digest.String()).String()
	m.say("pushed %s", reference)
	return reference, nil
}
