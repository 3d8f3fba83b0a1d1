package release

import (
	"bytes"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"helm.sh/helm/v4/pkg/registry"
)

// chartArtifact is an image whose configuration is Chart.yaml as JSON, which is how Helm stores charts in registries.
type chartArtifact struct {
	v1.Image

	config      []byte
	annotations map[string]string
}

// RawConfigFile implements v1.Image.
func (c chartArtifact) RawConfigFile() ([]byte, error) { return c.config, nil }

// ConfigName implements v1.Image.
func (c chartArtifact) ConfigName() (v1.Hash, error) { return partial.ConfigName(c) }

// Manifest implements v1.Image.
func (c chartArtifact) Manifest() (*v1.Manifest, error) {
	manifest, err := c.Image.Manifest()
	if err != nil {
		return nil, err
	}
	manifest = manifest.DeepCopy()
	digest, size, err := v1.SHA256(bytes.NewReader(c.config))
	if err != nil {
		return nil, err
	}
	manifest.Config = v1.Descriptor{MediaType: types.MediaType(registry.ConfigMediaType), Digest: digest, Size: size}
	manifest.Annotations = c.annotations
	return manifest, nil
}

// RawManifest implements v1.Image.
func (c chartArtifact) RawManifest() ([]byte, error) { return partial.RawManifest(c) }

// Digest implements v1.Image.
func (c chartArtifact) Digest() (v1.Hash, error) { return partial.Digest(c) }

// Size implements v1.Image.
func (c chartArtifact) Size() (int64, error) { return partial.Size(c) }
