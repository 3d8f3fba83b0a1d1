package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Login is a credential for a registry, and the Secrets that have it.
type Login struct {
	// Registry is the host to ask, with the port if there is one.
	Registry string
	// Address is the address as the Secrets have it, in a form that can be printed.
	Address string
	// Meant is what the registry is probably meant to be, if it looks misspelt. Credentials are not to be sent to
	// somebody who registered the misspelt name.
	Meant   string
	Secrets []Object
	// username and password must not be printed.
	username, password string
}

// BasicAuth returns user name and password. They must not be printed.
func (l *Login) BasicAuth() (username, password string) { return l.username, l.password }

// IsPattern reports whether the address is a pattern, which is not the host of one registry.
func (l *Login) IsPattern() bool { return strings.ContainsAny(l.Registry, "*?[") }

// Logins returns each credential once, with the sources and other Secrets that have it. Replicas with the content of
// their source are left out, and so is what the checks have found to be incomplete.
func (e *Examination) Logins() []*Login {
	var logins []*Login
	known := map[loginKey]*Login{}
	for _, p := range e.secrets {
		if e.isCopy(p.origin) || p.config.refusal != "" {
			continue
		}
		for i := range p.config.entries {
			if entry := &p.config.entries[i]; entry.isComplete() {
				logins = appendLogin(logins, known, entry.key(entry.address.host), p.object)
			}
		}
	}
	return e.finish(logins)
}

// LoginsOf returns the credentials that the kubelet tries for the images of a Pod, with the registries of the images.
func (e *Examination) LoginsOf(d Diagnosis) []*Login {
	var logins []*Login
	known := map[loginKey]*Login{}
	for _, image := range d.Images {
		for _, attempt := range image.Tried {
			if entry := attempt.credential.entry; entry.isComplete() {
				object := Object{Kind: "secret", Namespace: d.Pod.Namespace, Name: attempt.Secret}
				logins = appendLogin(logins, known, entry.key(image.Registry), object)
			}
		}
	}
	return e.finish(logins)
}

func (e *entry) isComplete() bool {
	return !e.unreadable && e.address.host != "" && e.address.scheme == "" && e.username != "" && e.password != ""
}

// loginKey is what makes two logins the same.
type loginKey struct{ registry, address, username, password string }

func (e *entry) key(registry string) loginKey {
	return loginKey{registry: registry, address: e.address.String(), username: e.username, password: e.password}
}

func appendLogin(logins []*Login, known map[loginKey]*Login, key loginKey, secret Object) []*Login {
	login := known[key]
	if login == nil {
		login = &Login{Registry: key.registry, Address: key.address, username: key.username, password: key.password}
		known[key] = login
		logins = append(logins, login)
	}
	if !slices.Contains(login.Secrets, secret) {
		login.Secrets = append(login.Secrets, secret)
	}
	return logins
}

// finish completes the logins, and orders them by their first Secret.
func (e *Examination) finish(logins []*Login) []*Login {
	for _, login := range logins {
		host, _ := splitPort(login.Registry)
		login.Meant = Printable(e.hosts.misspelt(host), addressLimit)
		slices.SortFunc(login.Secrets, compareObjects)
	}
	slices.SortFunc(logins, func(a, b *Login) int {
		return cmp.Or(compareObjects(a.Secrets[0], b.Secrets[0]), cmp.Compare(a.Address, b.Address))
	})
	return logins
}

// Finding returns the finding that the answer of the registry gives, on the first of the Secrets.
func (l *Login) Finding(code Code, answer string) Finding {
	others := ""
	if more := len(l.Secrets) - 1; more > 0 {
		others = fmt.Sprintf(" (the same in %d other Secrets)", more)
	}
	return newFinding(code, l.Secrets[0], "entry %s: %s%s", l.Address, answer, others)
}
