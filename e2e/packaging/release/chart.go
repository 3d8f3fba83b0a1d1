package release

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/registry"

	"github.com/mirrorball-dev/mirrorball/e2e/packaging/archive"
	"github.com/mirrorball-dev/mirrorball/e2e/packaging/image"
)

// ChartDir is the OCI layout with the chart.
func (m Maker) ChartDir() string { return filepath.Join(m.Dist, "chart") }

// chartVersion is the version without the v, which Helm does not use.
func (m Maker) chartVersion() string { return strings.TrimPrefix(m.Source.Version, "v") }

// chart returns the chart as an archive, with the image filled in, and writes it to ChartDir as an OCI artifact.
func (m Maker) chart(repository, digest string) ([]byte, error) {
	loaded, err := loader.LoadDir(filepath.Join(m.Source.Dir, "deploy", "chart"))
	if err != nil {
		return nil, fmt.Errorf("load the chart: %w", err)
	}
	var files []archive.File
	for _, raw := range loaded.Raw {
		content := raw.Data
		switch raw.Name {
		case "Chart.yaml":
			content, err = replace(raw.Name, content,
				"\nversion: 0.0.0\n", "\nversion: "+m.chartVersion()+"\n",
				"\nappVersion: dev\n", "\nappVersion: "+m.Source.Version+"\n")
		case "values.yaml":
			content, err = replace(raw.Name, content,
				"\n  repository: \"\"\n", "\n  repository: "+repository+"\n",
				"\n  digest: \"\"\n", "\n  digest: "+digest+"\n")
		}
		if err != nil {
			return nil, err
		}
		files = append(files, archive.File{Name: "mirrorball/" + raw.Name, Mode: 0o644, Content: content})
	}
	slices.SortFunc(files, func(a, b archive.File) int { return cmp.Compare(a.Name, b.Name) })
	packed, err := archive.TarGzip(m.Source.Time, files...)
	if err != nil {
		return nil, err
	}
	return packed, m.writeChart(packed)
}

// replace replaces pairs of an old and a new text. Each old text has to be there once.
func replace(name string, content []byte, pairs ...string) ([]byte, error) {
	for pair := range slices.Chunk(pairs, 2) {
		if n := bytes.Count(content, []byte(pair[0])); n != 1 {
			return nil, fmt.Errorf("%s of the chart has %d lines %q, want one", name, n, strings.TrimSpace(pair[0]))
		}
		content = bytes.Replace(content, []byte(pair[0]), []byte(pair[1]), 1)
	}
	return content, nil
}

// writeChart writes what `helm push` would.
func (m Maker) writeChart(packed []byte) error {
	loaded, err := loader.LoadArchive(bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("load the packed chart: %w", err)
	}
	metadata, err := json.Marshal(loaded.Metadata)
	if err != nil {
		return fmt.Errorf("describe the chart: %w", err)
	}
	artifact, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1), mutate.Addendum{
		Layer: static.NewLayer(packed, types.MediaType(registry.ChartLayerMediaType)),
	})
	if err != nil {
		return fmt.Errorf("make the chart's artifact: %w", err)
	}
	described := chartArtifact{Image: artifact, config: metadata, annotations: map[string]string{
		"org.opencontainers.image.title":       loaded.Metadata.Name,
		"org.opencontainers.image.version":     loaded.Metadata.Version,
		"org.opencontainers.image.description": loaded.Metadata.Description,
		"org.opencontainers.image.source":      loaded.Metadata.Home,
		"org.opencontainers.image.created":     m.Source.Time.Format(time.RFC3339),
	}}
	if err := image.WriteArtifact(m.ChartDir(), m.chartVersion(), described); err != nil {
		return err
	}
	digest, err := described.Digest()
	if err != nil {
		return fmt.Errorf("compute the chart's digest: %w", err)
	}
	m.say("%s: %s", m.ChartDir(), digest)
	return nil
}
