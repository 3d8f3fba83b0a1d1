package image

import (
	"fmt"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// tagAnnotation is the name of an image in an OCI layout.
const tagAnnotation = "org.opencontainers.image.ref.name"

// WriteLayout makes the folder an OCI layout that contains the index under the tag, and nothing else.
func WriteLayout(dir, tag string, index v1.ImageIndex) error {
	path, err := newLayout(dir)
	if err != nil {
		return err
	}
	if err := path.AppendIndex(index, tagged(tag)); err != nil {
		return fmt.Errorf("write the image into %s: %w", dir, err)
	}
	return nil
}

// WriteArtifact is WriteLayout for an artifact without platforms.
func WriteArtifact(dir, tag string, artifact v1.Image) error {
	path, err := newLayout(dir)
	if err != nil {
		return err
	}
	if err := path.AppendImage(artifact, tagged(tag)); err != nil {
		return fmt.Errorf("write the artifact into %s: %w", dir, err)
	}
	return nil
}

func newLayout(dir string) (layout.Path, error) {
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("remove what was made before: %w", err)
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return "", fmt.Errorf("make the OCI layout %s: %w", dir, err)
	}
	return path, nil
}

func tagged(tag string) layout.Option {
	return layout.WithAnnotations(map[string]string{tagAnnotation: tag})
}

// ReadLayout returns the index that WriteLayout wrote.
func ReadLayout(dir string) (v1.ImageIndex, error) {
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("read the image in %s: %w; `make image` makes it", dir, err)
	}
	manifest, err := top.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read the image in %s: %w", dir, err)
	}
	if len(manifest.Manifests) != 1 {
		return nil, fmt.Errorf("%s contains %d images, want one; `make image` makes it anew", dir, len(manifest.Manifests))
	}
	return top.ImageIndex(manifest.Manifests[0].Digest)
}
