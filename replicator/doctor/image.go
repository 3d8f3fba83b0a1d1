package doctor

import (
	"errors"
	"strings"

	"github.com/distribution/reference"
)

// imageLimit is the length of the longest name of an image that is printed.
const imageLimit = 200

// Image is the name of an image, as the kubelet reads it.
type Image struct {
	// Repository is what credentials are looked up for: docker.io/library/nginx for nginx.
	Repository string
	// Registry is the host, with the port if there is one.
	Registry string
}

// ParseImage reads the name of an image as the kubelet does.
func ParseImage(name string) (Image, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return Image{}, errors.New("is not the name of an image")
	}
	return Image{Repository: named.Name(), Registry: reference.Domain(named)}, nil
}

// isDefaultRegistry reports whether a repository is one of Docker Hub. It follows isDefaultRegistryMatch of Kubernetes.
func isDefaultRegistry(repository string) bool {
	first, _, found := strings.Cut(repository, "/")
	switch {
	case first == "":
		return false
	case !found || first == "docker.io" || first == "index.docker.io":
		return true
	}
	return !strings.ContainsAny(first, ".:")
}
