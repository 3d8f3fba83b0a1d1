package doctor

import (
	"path"
	"strings"
)

// checkAddress checks whether the kubelet matches the address with the images that it is meant for.
func checkAddress(o Object, a address, hosts *hosts) []Finding {
	host, port := a.hostname()
	finding := func(code Code, format string, args ...any) []Finding {
		return []Finding{newFinding(code, o, "entry %s: "+format, append([]any{a}, args...)...)}
	}
	switch {
	case a.scheme != "":
		return finding(BadScheme, "it begins with %s, not with http:// or https://", a.printableScheme())
	case a.extra:
		return finding(BadAddress, "it has user information, a query or a fragment, which the kubelet ignores")
	case a.host == "":
		return finding(BadAddress, "it has no host")
	case isDockerHub(a):
		if !fitsDockerHub(a) {
			return finding(NotDockerHub, "no image of Docker Hub matches it")
		}
		return nil
	case strings.ToLower(host) != host:
		return finding(BadPattern, "it has upper-case letters; the kubelet compares them with the image letter by letter")
	case badGlob(host):
		return finding(BadPattern, "the pattern for the host is not valid, or has more than one label in a *")
	}
	findings := checkPath(a, finding)
	if port == "443" || port == "80" {
		findings = append(findings, finding(DefaultPort, "it has the port %s; the image %s/… has none, so it does not match",
			port, Printable(host, addressLimit))...)
	}
	if name := hosts.misspelt(host); name != "" {
		findings = append(findings, finding(Typo, "is it meant to be %s?", Printable(name, addressLimit))...)
	}
	return findings
}

func checkPath(a address, finding func(Code, string, ...any) []Finding) []Finding {
	last := a.path[strings.LastIndex(a.path, "/")+1:]
	switch {
	case a.path == "/v1" || a.path == "/v2":
		return finding(BadPath, "the path lacks the / at its end: only /v1/ and /v2/ stand for the whole registry")
	case strings.ContainsAny(last, ":@"):
		return finding(BadPath, "the path ends with a tag or digest; credentials are looked up without it")
	case strings.Contains(a.path, "*"):
		return finding(BadPath, "there is a * in the path, where it stands for itself")
	case strings.ToLower(a.path) != a.path:
		return finding(BadPath, "the path has upper-case letters, and images have none")
	}
	return nil
}

// badGlob reports whether no host matches the pattern.
func badGlob(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if _, err := path.Match(label, "label"); err != nil || label == "**" || label == "" {
			return true
		}
	}
	return !strings.Contains(host, ".") && strings.Contains(host, "*")
}

// printableScheme returns the scheme if it is a usual one. Anything else may be a part of a password.
func (a address) printableScheme() string {
	switch scheme := strings.ToLower(a.scheme); scheme {
	case "http", "https", "oci", "docker", "tcp", "ssh", "ftp":
		return a.scheme + "://"
	}
	return "something else"
}
