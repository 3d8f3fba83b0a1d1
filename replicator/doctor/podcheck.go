package doctor

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// checkPod checks the references of a Pod, whether it gets the pull Secrets of its ServiceAccount, and why its images
// cannot be pulled.
func (e *Examination) checkPod(p *pod) []Finding {
	var findings []Finding
	for _, name := range p.secrets {
		findings = append(findings, e.checkReference(p.object, name, PodNamesMissing)...)
	}
	findings = append(findings, e.checkAccountOf(p)...)
	for _, c := range p.containers {
		if c.failing() {
			findings = append(findings, e.checkPull(p, c)...)
		}
	}
	return findings
}

// checkAccountOf checks whether the ServiceAccount has a pull Secret that the Pod needs and does not get. The API
// server copies the imagePullSecrets of the account into a new Pod, if it has none of its own, and never again.
func (e *Examination) checkAccountOf(p *pod) []Finding {
	a, known := e.accounts[p.object.Namespace][p.account]
	if !known {
		return nil
	}
	var lacking []string
	for _, name := range a.secrets {
		if !slices.Contains(p.secrets, name) && e.neededBy(p, name) {
			lacking = append(lacking, name)
		}
	}
	switch {
	case len(lacking) == 0:
		return nil
	case len(p.secrets) == 0:
		return []Finding{newFinding(PodOlder, p.object, "was created before the ServiceAccount %s got %s",
			p.account, listed(lacking))}
	}
	return []Finding{newFinding(AccountHidden, p.object, "has imagePullSecrets of its own (%s), so it does not get %s of "+
		"the ServiceAccount %s", listed(p.secrets), listed(lacking), p.account)}
}

// neededBy reports whether a Secret has credentials for an image of the Pod for which the Pod has none.
func (e *Examination) neededBy(p *pod, name string) bool {
	return slices.ContainsFunc(p.containers, func(c container) bool {
		return c.problem == nil && e.fits(p.object.Namespace, []string{name}, c.parsed.Repository) &&
			!e.fits(p.object.Namespace, p.secrets, c.parsed.Repository)
	})
}

// fits reports whether one of the Secrets has credentials for a repository.
func (e *Examination) fits(namespace string, names []string, repository string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		s, known := e.secrets[types.NamespacedName{Namespace: namespace, Name: name}]
		return known && s.config.fits(repository)
	})
}

// checkPull finds why an image cannot be pulled.
func (e *Examination) checkPull(p *pod, c container) []Finding {
	finding := func(code Code, format string, args ...any) []Finding {
		args = append([]any{Printable(c.image, imageLimit)}, args...)
		return []Finding{newFinding(code, p.object, "image %s: "+format, args...)}
	}
	switch {
	case c.problem != nil:
		return finding(OtherCause, "this is not the name of an image")
	case c.reason == "ErrImageNeverPull":
		return finding(OtherCause, "imagePullPolicy is Never, and the node does not have the image")
	case c.reason == "SignatureValidationFailed":
		return finding(OtherCause, "its signature is not accepted by the policy of the node")
	}
	for _, name := range p.secrets {
		s, known := e.secrets[types.NamespacedName{Namespace: p.object.Namespace, Name: name}]
		if known && s.config.refusal != "" {
			return finding(SecretBreaksPod, "the kubelet cannot read the Secret %s (%s)", name, s.config.code)
		}
	}
	said, means := causeOf(c.message)
	if said == causeOther {
		return finding(OtherCause, "%s; the node says: %s", means, Printable(c.message, messageLimit/2))
	}
	if said == causeUnknown && !isBackOff(c.message) {
		return finding(OtherCause, "the node says: %s", Printable(c.message, messageLimit/2))
	}
	tried := e.keyring(p.object.Namespace, p.secrets).Lookup(c.parsed.Repository)
	if len(tried) == 0 {
		return e.checkNoCredential(p, c, finding)
	}
	var list []string
	for _, credential := range tried {
		list = append(list, credential.Secret+" ("+credential.Address()+")")
	}
	return finding(Rejected, "the registry %s does not accept %s", c.parsed.Registry, listed(list))
}

// checkNoCredential looks for a Secret that would fit an image for which the Pod has no credential.
func (e *Examination) checkNoCredential(p *pod, c container, finding func(Code, string, ...any) []Finding) []Finding {
	var fitting []string
	for _, name := range e.names[p.object.Namespace] {
		if !slices.Contains(p.secrets, name) && e.fits(p.object.Namespace, []string{name}, c.parsed.Repository) {
			fitting = append(fitting, name)
		}
	}
	registry := c.parsed.Registry
	host, _ := splitPort(registry)
	hint := ""
	if name := e.hosts.misspelt(host); name != "" {
		hint = "; is the registry meant to be " + name + "?"
	}
	own := e.keyring(p.object.Namespace, p.secrets)
	switch {
	case len(fitting) > 0:
		return finding(NotNamed, "%s has credentials for %s, but is not in imagePullSecrets of the Pod, and was not in "+
			"those of the ServiceAccount %s when the Pod was created", listed(fitting), registry, p.account)
	case len(p.secrets) == 0:
		return finding(NoMatch, "neither the Pod nor the ServiceAccount %s had imagePullSecrets when the Pod was created, "+
			"and no Secret of the namespace has credentials for %s%s", p.account, registry, hint)
	case len(own.index) == 0:
		return finding(NoMatch, "there is no credential in the Secrets of the Pod (%s)%s", listed(p.secrets), hint)
	}
	return finding(NoMatch, "the Secrets of the Pod have credentials for %s, which do not fit %s%s",
		own.addresses(), c.parsed.Repository, hint)
}
