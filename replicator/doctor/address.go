package doctor

import (
	"errors"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// addressLimit is the length of the longest address that is printed.
const addressLimit = 120

// address is the address of a registry, as the kubelet reads it.
type address struct {
	// raw is as written. It is never printed: it may contain a password (https://user:password@host).
	raw string
	// key is what the kubelet compares with images: host, port and path. It is empty if the address cannot be read.
	key string
	// pattern is the key, for the comparison.
	pattern pattern
	host    string // with the port
	path    string
	// scheme is set for a scheme other than http and https, which the kubelet does not remove.
	scheme string
	// extra is set if there is user information, a query or a fragment, which the kubelet ignores.
	extra bool
}

var errAddress = errors.New("not an address")

// parseAddress reads an address as BasicDockerKeyring.Add of Kubernetes does.
func parseAddress(raw string) (address, error) {
	a := address{raw: raw}
	text := raw
	if !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://") {
		text = "https://" + text
	}
	parsed, err := url.Parse(text)
	if err != nil {
		return a, errAddress // err quotes the address
	}
	effective := parsed.Path
	// /v1/ and /v2/ are the API's own paths, the same as the host alone.
	if strings.HasPrefix(effective, "/v2/") || strings.HasPrefix(effective, "/v1/") {
		effective = effective[len("/v2"):]
	}
	if effective == "/" {
		effective = ""
	}
	a.host, a.path, a.key = parsed.Host, effective, parsed.Host+effective
	a.pattern = newPattern(a.key)
	a.extra = parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != ""
	if scheme, _, found := strings.Cut(raw, "://"); found && scheme != "http" && scheme != "https" {
		a.scheme = scheme
	}
	return a, nil
}

// hostname returns the host without the port, and the port.
func (a address) hostname() (host, port string) { return splitPort(a.host) }

// String returns the address in a form that can be printed, or a description of what does not look like an address:
// somebody may have written a password in its place.
func (a address) String() string {
	host, _ := a.hostname()
	if a.key == "" || !looksLikeHost(host) {
		return "(an address that is not printed)"
	}
	return Printable(a.key, addressLimit)
}

// looksLikeHost reports whether the text has the form of a host or of a pattern for hosts.
func looksLikeHost(host string) bool {
	if host != "localhost" && !strings.Contains(host, ".") && !strings.Contains(host, ":") {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if len(label) > validation.DNS1123LabelMaxLength {
			return false // a token has dots, too
		}
	}
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:*?[]"
	return strings.Trim(host, allowed) == ""
}
