package doctor

import "strings"

// cause is what the message of a failed pull says.
type cause int

const (
	// causeUnknown is a message that says nothing, or nothing that is recognized.
	causeUnknown cause = iota
	// causeCredentials is a registry that wants credentials, or other ones.
	causeCredentials
	// causeOther is everything that credentials do not change.
	causeOther
)

// causes are parts of messages of containerd and CRI-O, in lower case. The first that is found decides: Docker Hub
// answers "does not exist or may require authorization" for a repository that is not public.
var causes = []struct {
	part  string
	cause cause
	means string
}{
	{"toomanyrequests", causeOther, "the registry limits the number of pulls; a paid account or a mirror helps"},
	{"429 too many requests", causeOther, "the registry limits the number of pulls; a paid account or a mirror helps"},
	{"may require authorization", causeCredentials, ""},
	{"401 unauthorized", causeCredentials, ""},
	{"unauthorized", causeCredentials, ""},
	{"authentication required", causeCredentials, ""},
	{"403 forbidden", causeCredentials, ""},
	{"denied", causeCredentials, ""},
	{"insufficient_scope", causeCredentials, ""},
	{"no basic auth credentials", causeCredentials, ""},
	{"no such host", causeOther,
		"the nodes do not find the host of the registry in the DNS; check its spelling in the image"},
	{"server gave http response to https client", causeOther,
		"the registry speaks HTTP; configure it as insecure in the container runtime of the nodes, or give it a certificate"},
	{"x509:", causeOther, "the nodes do not trust the certificate of the registry; install its CA on them"},
	{"no match for platform", causeOther, "the image is not built for the platform of the node"},
	{"no matching manifest", causeOther, "the image is not built for the platform of the node"},
	{"manifest unknown", causeOther, "the registry has the repository, but not this tag or digest"},
	{"not found", causeOther, "the registry does not have this repository, tag or digest"},
	{"connection refused", causeOther, "nothing answers at the address of the registry"},
	{"i/o timeout", causeOther, "the nodes do not reach the registry; check firewalls and network policies"},
	{"deadline exceeded", causeOther, "the nodes do not reach the registry in time"},
	{"no space left on device", causeOther, "the disk of the node is full"},
}

// isBackOff reports whether a message says only that the next attempt has to wait, or nothing.
func isBackOff(message string) bool {
	return message == "" || strings.HasPrefix(message, "Back-off pulling image ") && !strings.Contains(message, ": ")
}

// causeOf recognizes the cause in a message, and says what it means.
func causeOf(message string) (cause, string) {
	message = strings.ToLower(message)
	for _, c := range causes {
		if strings.Contains(message, c.part) {
			return c.cause, c.means
		}
	}
	return causeUnknown, ""
}
