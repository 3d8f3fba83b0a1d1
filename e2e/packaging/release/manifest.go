package release

import (
	"bytes"
	"fmt"
	"path/filepath"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// placeholder is the image that deploy/kustomize/base names.
const placeholder = "registry.invalid/mirrorball:set-your-own-image"

// manifest returns install.yaml: the kustomize base with the image's digest.
func (m Maker) manifest(repository, digest string) ([]byte, error) {
	base := filepath.Join(m.Source.Dir, "deploy", "kustomize", "base")
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), base)
	if err != nil {
		return nil, fmt.Errorf("kustomize %s: %w", base, err)
	}
	text, err := objects.AsYaml()
	if err != nil {
		return nil, fmt.Errorf("write the objects of %s: %w", base, err)
	}
	if n := bytes.Count(text, []byte(placeholder)); n != 1 {
		return nil, fmt.Errorf("the kustomize base names the image %s %d times, want once", placeholder, n)
	}
	return bytes.Replace(text, []byte(placeholder), []byte(repository+"@"+digest), 1), nil
}
