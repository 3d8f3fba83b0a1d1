package doctor

import (
	"slices"
	"strings"
)

// defaultRegistryKey is the key of credentials for Docker Hub.
const defaultRegistryKey = "index.docker.io"

// Keyring finds the credentials that the kubelet tries for an image. It follows BasicDockerKeyring of Kubernetes.
type Keyring struct {
	index       []string
	credentials map[string][]Credential
	patterns    map[string]pattern
}

// Credential is one entry of one Secret.
type Credential struct {
	// Secret is the name of the Secret.
	Secret string
	entry  *entry
}

// Address returns the address under which the Secret has the credential, in a form that can be printed.
func (c Credential) Address() string { return c.entry.address.String() }

// BasicAuth returns user name and password. They must not be printed.
func (c Credential) BasicAuth() (username, password string) {
	return c.entry.username, c.entry.password
}

// Add adds the entries of a Secret. The order of the calls is the order of imagePullSecrets.
func (k *Keyring) Add(secret string, config *Config) {
	if k.credentials == nil {
		k.credentials, k.patterns = map[string][]Credential{}, map[string]pattern{}
	}
	for i := range config.entries {
		e := &config.entries[i]
		if e.unreadable {
			continue
		}
		if _, known := k.credentials[e.address.key]; !known {
			k.index = append(k.index, e.address.key)
			k.patterns[e.address.key] = e.address.pattern
		}
		k.credentials[e.address.key] = append(k.credentials[e.address.key], Credential{Secret: secret, entry: e})
	}
	// Reverse order puts longer paths before shorter ones.
	slices.SortFunc(k.index, func(a, b string) int { return strings.Compare(b, a) })
}

// Lookup returns the credentials for a repository in the order in which the kubelet tries them.
func (k *Keyring) Lookup(repository string) []Credential {
	var found []Credential
	target := newPattern(repository)
	for _, key := range k.index {
		if k.patterns[key].matches(target) {
			found = append(found, k.credentials[key]...)
		}
	}
	if len(found) == 0 && isDefaultRegistry(repository) {
		return k.credentials[defaultRegistryKey]
	}
	return found
}

// addresses lists the addresses in the Secrets, for a message.
func (k *Keyring) addresses() string {
	var all []string
	for _, key := range k.index {
		all = append(all, k.credentials[key][0].Address())
	}
	return listed(all)
}

// fits reports whether the content has a credential that a keyring would find.
func (c *Config) fits(repository string) bool {
	if c.refusal != "" {
		return false
	}
	target, isDefault := newPattern(repository), isDefaultRegistry(repository)
	for i := range c.entries {
		a := &c.entries[i].address
		if !c.entries[i].unreadable && (a.pattern.matches(target) || isDefault && a.key == defaultRegistryKey) {
			return true
		}
	}
	return false
}
