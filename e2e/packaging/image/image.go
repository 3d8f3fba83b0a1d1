// Package image makes container images without a container engine: one static program, its licences, and no shell. Two
// images of equal content have one digest.
package image

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/mirrorball-dev/mirrorball/e2e/packaging/archive"
	"github.com/mirrorball-dev/mirrorball/e2e/packaging/product"
)

// User is the user and group of the process, the ones that the manifests name.
const User = "65532:65532"

// program is the path of the program in the image.
const program = "/mirrorball"

// Content is what an image is made of. It has no CA certificates: the program talks to the API server alone, whose
// authority Kubernetes mounts into the Pod.
type Content struct {
	Platform product.Platform
	// Program is the file with the program.
	Program string
	// Licences are the files of /licenses, by name.
	Licences map[string][]byte
	// Labels are the image's labels and the manifest's annotations.
	Labels map[string]string
	// Time is that of every file and of the image.
	Time time.Time
}

// Build returns the image.
func Build(c Content) (v1.Image, error) {
	binary, err := os.ReadFile(c.Program)
	if err != nil {
		return nil, fmt.Errorf("read the program for the image: %w", err)
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	// Licences change less often than the program, so they are a layer of their own.
	licences := []archive.File{{Name: "licenses/", Mode: 0o755}}
	for _, name := range slices.Sorted(maps.Keys(c.Licences)) {
		licences = append(licences, archive.File{Name: "licenses/" + name, Mode: 0o444, Content: c.Licences[name]})
	}
	binaries := []archive.File{{Name: program[1:], Mode: 0o555, Content: binary}}
	for _, one := range []struct {
		files []archive.File
		what  string
	}{{licences, "licences"}, {binaries, "program"}} {
		layer, err := c.layer(one.files)
		if err != nil {
			return nil, fmt.Errorf("make the layer of the %s: %w", one.what, err)
		}
		image, err = mutate.Append(image, mutate.Addendum{
			Layer: layer, History: v1.History{Created: v1.Time{Time: c.Time}, CreatedBy: "mirrorball: " + one.what},
		})
		if err != nil {
			return nil, fmt.Errorf("add the layer of the %s: %w", one.what, err)
		}
	}
	return c.configure(image)
}

// configure sets what the container runtime reads.
func (c Content) configure(image v1.Image) (v1.Image, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the image's configuration: %w", err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = c.Platform.OS, c.Platform.Arch
	config.Created = v1.Time{Time: c.Time}
	config.Config = v1.Config{
		User:         User,
		Entrypoint:   []string{program},
		Cmd:          []string{"run"},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		WorkingDir:   "/",
		Labels:       c.Labels,
	}
	image, err = mutate.ConfigFile(image, config)
	if err != nil {
		return nil, fmt.Errorf("set the image's configuration: %w", err)
	}
	annotated, ok := mutate.Annotations(image, c.Labels).(v1.Image)
	if !ok {
		return nil, fmt.Errorf("annotate the image: the result is no image")
	}
	return annotated, nil
}

// Index returns the images of several platforms as one, with these annotations.
func Index(annotations map[string]string, images ...v1.Image) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, image := range images {
		config, err := image.ConfigFile()
		if err != nil {
			return nil, fmt.Errorf("read an image's configuration: %w", err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: config.OS, Architecture: config.Architecture}},
		})
	}
	annotated, ok := mutate.Annotations(index, annotations).(v1.ImageIndex)
	if !ok {
		return nil, fmt.Errorf("annotate the image index: the result is no index")
	}
	return annotated, nil
}

func (c Content) layer(files []archive.File) (v1.Layer, error) {
	content, err := archive.Tar(c.Time, files...)
	if err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}, tarball.WithCompressionLevel(gzip.BestCompression), tarball.WithMediaType(types.OCILayer),
		tarball.WithCompressedCaching)
}

// Size returns the compressed size of an image in bytes: of what a node without any of it downloads.
func Size(image v1.Image) (int64, error) {
	size, err := image.Size()
	if err != nil {
		return 0, fmt.Errorf("measure the image's manifest: %w", err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		return 0, fmt.Errorf("read the image's manifest: %w", err)
	}
	size += manifest.Config.Size
	for _, layer := range manifest.Layers {
		size += layer.Size
	}
	return size, nil
}
