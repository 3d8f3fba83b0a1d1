package doctor

import (
	"maps"
	"slices"
	"strings"
)

// knownRegistries are registries that many clusters pull from.
var knownRegistries = []string{
	"docker.io", "index.docker.io", "ghcr.io", "docker.pkg.github.com", "quay.io", "gcr.io", "us.gcr.io", "eu.gcr.io",
	"asia.gcr.io", "registry.k8s.io", "registry.gitlab.com", "mcr.microsoft.com", "public.ecr.aws", "docker.elastic.co",
	"registry.redhat.io", "registry.access.redhat.com", "registry.connect.redhat.com", "nvcr.io", "cgr.dev",
	"lscr.io", "container-registry.oracle.com", "registry.digitalocean.com", "cp.icr.io", "icr.io", "docker.cloudsmith.io",
}

// knownDomains are the domains in which a registry has a host for each customer.
var knownDomains = []string{"azurecr.io", "pkg.dev", "amazonaws.com", "jfrog.io", "scw.cloud", "ocir.io"}

// hosts are those that the images of the cluster come from.
type hosts struct {
	// named are all of them; some may be misspelt themselves.
	named map[string]bool
	// pulled are those from which an image was pulled, so that they are right.
	pulled map[string]bool
	// answers are those that were given; many Secrets have the same few hosts.
	answers map[string]string
}

// namedLimit is the number of hosts that are compared with an address, and answersLimit that of the addresses. Whoever
// may write many Secrets and Pods cannot make the comparison take long.
const (
	namedLimit   = 200
	answersLimit = 10_000
)

func newHosts() *hosts {
	return &hosts{named: map[string]bool{}, pulled: map[string]bool{}, answers: map[string]string{}}
}

// add takes note of the registry of an image.
func (h *hosts) add(registry string, pulled bool) {
	host, _ := splitPort(registry)
	if len(h.named) < namedLimit {
		h.named[host] = true
	}
	if pulled {
		h.pulled[host] = true
	}
}

// misspelt returns the name that a host probably stands for: a well-known registry, or one that images come from. It
// returns "" if the host is known, or not near a known one. All images have been added before.
func (h *hosts) misspelt(host string) string {
	answer, known := h.answers[host]
	if !known && len(h.answers) < answersLimit {
		answer = h.compare(strings.ToLower(host))
		h.answers[host] = answer
	}
	return answer
}

func (h *hosts) compare(host string) string {
	if h.pulled[host] || slices.Contains(knownRegistries, host) || inKnownDomain(host) {
		return ""
	}
	for _, known := range slices.Concat(slices.Sorted(maps.Keys(h.named)), knownRegistries) {
		if known != host && isNear(host, known) {
			return known
		}
	}
	for _, domain := range knownDomains {
		labels := strings.Split(host, ".")
		n := len(labels) - 1 - strings.Count(domain, ".")
		if n > 0 && isNear(strings.Join(labels[n:], "."), domain) {
			return strings.Join(labels[:n], ".") + "." + domain
		}
	}
	return ""
}

func inKnownDomain(host string) bool {
	return slices.ContainsFunc(knownDomains, func(domain string) bool { return strings.HasSuffix(host, "."+domain) })
}

// isNear reports whether two names differ by a single typing mistake, or by two if they are long. Names that are told
// apart on purpose do not count: registry-1 and registry-2, eu.example.com and us.example.com.
func isNear(a, b string) bool {
	allowed := 1
	if len(b) >= 12 {
		allowed = 2
	}
	if len(a)-len(b) > allowed || len(b)-len(a) > allowed || len(a) > hostLimit {
		return false
	}
	return !toldApart(a, b) && distance(a, b) <= allowed
}

// shortLabel is the length up to which labels of a host are abbreviations, of regions or teams.
const shortLabel = 3

func toldApart(a, b string) bool {
	letters := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return -1
			}
			return r
		}, s)
	}
	if letters(a) == letters(b) {
		return true
	}
	theirs, own := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(theirs), len(own)) - 1 {
		if len(theirs) == len(own) && theirs[i] != own[i] && max(len(theirs[i]), len(own[i])) <= shortLabel {
			return true
		}
	}
	return false
}

// hostLimit is the length of the longest host name.
const hostLimit = 253

// distance counts the letters that were added, left out, changed, or swapped with their neighbour.
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(last[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
