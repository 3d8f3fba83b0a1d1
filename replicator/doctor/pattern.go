package doctor

import (
	"net"
	"net/url"
	"path"
	"strings"
)

// pattern is a key or a repository, taken apart for the comparison.
type pattern struct {
	labels     []string
	port, path string
	// invalid is set if nothing matches.
	invalid bool
}

func newPattern(text string) pattern {
	parsed, err := url.Parse("https://" + text)
	if err != nil {
		return pattern{invalid: true}
	}
	host, port := splitPort(parsed.Host)
	return pattern{labels: strings.Split(host, "."), port: port, path: parsed.Path}
}

// matches reports whether the kubelet uses a credential under this key for a repository. It follows URLsMatchStr of
// Kubernetes: ports are equal, paths are prefixes, and each label of the host is a glob for one label.
func (p pattern) matches(repository pattern) bool {
	if p.invalid || repository.invalid || p.port != repository.port || len(p.labels) != len(repository.labels) ||
		!strings.HasPrefix(repository.path, p.path) {
		return false
	}
	for i, label := range p.labels {
		if matched, err := path.Match(label, repository.labels[i]); err != nil || !matched {
			return false
		}
	}
	return true
}

// matches is pattern.matches for texts.
func matches(key, repository string) bool { return newPattern(key).matches(newPattern(repository)) }

func splitPort(hostport string) (host, port string) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return hostport, ""
	}
	return host, port
}
