package doctor

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Options are the settings of an examination.
type Options struct {
	// Now is the present time.
	Now time.Time
	// ExpiresWithin is how long before its end a credential or certificate counts as one that expires soon.
	ExpiresWithin time.Duration
}

// Examination collects what is known of a cluster, and checks it. The zero value is not usable: see [NewExamination].
type Examination struct {
	options      Options
	secrets      map[types.NamespacedName]*pullSecret
	certificates map[types.NamespacedName]certificate
	origins      map[types.NamespacedName]origin
	// configs and chains are the contents, which replicas share with their source.
	configs map[digest]*Config
	chains  map[digest]*chain
	// names are those of the pull Secrets, by namespace.
	names    map[string][]string
	accounts map[string]map[string]*account // by namespace and name
	pods     []*pod
	hosts    *hosts
	// places are the namespaces that have a Secret of a name, of whatever type. A name that is not in it is not known.
	places   map[string][]string
	findings []Finding
	// latest is the keyring that was used last, and for what. The Pods of one Deployment have the same.
	latest struct {
		namespace string
		names     []string
		keyring   *Keyring
	}
}

// NewExamination returns an examination that knows no object yet.
func NewExamination(options Options) *Examination {
	return &Examination{
		options:      options,
		secrets:      map[types.NamespacedName]*pullSecret{},
		certificates: map[types.NamespacedName]certificate{},
		origins:      map[types.NamespacedName]origin{},
		configs:      map[digest]*Config{},
		chains:       map[digest]*chain{},
		names:        map[string][]string{},
		accounts:     map[string]map[string]*account{},
		hosts:        newHosts(),
		places:       map[string][]string{},
	}
}

// AddSecret adds a Secret. Only pull Secrets and certificates are of interest.
func (e *Examination) AddSecret(s *corev1.Secret) {
	key := types.NamespacedName{Namespace: s.Namespace, Name: s.Name}
	e.latest.keyring = nil
	switch s.Type {
	case corev1.SecretTypeDockerConfigJson, corev1.SecretTypeDockercfg:
		e.secrets[key] = e.newPullSecret(s)
		e.names[s.Namespace] = append(e.names[s.Namespace], s.Name)
		e.origins[key] = e.secrets[key].origin
	case corev1.SecretTypeTLS:
		e.certificates[key] = e.newCertificate(s)
		e.origins[key] = e.certificates[key].origin
	}
}

// AddServiceAccount adds a ServiceAccount.
func (e *Examination) AddServiceAccount(s *corev1.ServiceAccount) {
	if e.accounts[s.Namespace] == nil {
		e.accounts[s.Namespace] = map[string]*account{}
	}
	e.accounts[s.Namespace][s.Name] = newAccount(s)
}

// AddPod adds a Pod. One that has ended pulls no image any more.
func (e *Examination) AddPod(p *corev1.Pod) {
	if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return
	}
	pod := newPod(p)
	for _, c := range pod.containers {
		if c.problem == nil {
			e.hosts.add(c.parsed.Registry, c.pulled)
		}
	}
	e.pods = append(e.pods, pod)
}

// AddIngress adds an Ingress, whose hosts its certificates have to cover. The Secrets come first.
func (e *Examination) AddIngress(i *networkingv1.Ingress) {
	for _, part := range i.Spec.TLS {
		c, known := e.certificates[types.NamespacedName{Namespace: i.Namespace, Name: part.SecretName}]
		if !known || c.leaf == nil {
			continue // the certificate was not found, or has a finding already
		}
		for _, host := range part.Hosts {
			if host != "" && !c.covers(host) {
				e.findings = append(e.findings, newFinding(HostNotCovered, c.object,
					"the Ingress %s uses it for the host %s, which the certificate %s does not have", i.Name, host, subject(c.leaf)))
			}
		}
	}
}

// AddFinding adds a finding of somebody else, for example about the answer of a registry.
func (e *Examination) AddFinding(f Finding) { e.findings = append(e.findings, f) }

// Unresolved returns the names of Secrets that ServiceAccounts and Pods refer to, and that are no known pull Secrets.
func (e *Examination) Unresolved() []string {
	unresolved := map[string]bool{}
	note := func(namespace string, names []string) {
		for _, name := range names {
			if e.state(namespace, name) == unknown {
				unresolved[name] = true
			}
		}
	}
	for namespace, accounts := range e.accounts {
		for _, a := range accounts {
			note(namespace, a.secrets)
		}
	}
	for _, p := range e.pods {
		note(p.object.Namespace, p.secrets)
	}
	return slices.Sorted(maps.Keys(unresolved))
}

// Resolve adds the namespaces that have a Secret of this name, of whatever type.
func (e *Examination) Resolve(name string, namespaces []string) {
	e.places[name] = append([]string{}, namespaces...)
}

// state is what is known of a Secret that is named in imagePullSecrets.
type state int

const (
	unknown state = iota
	pullable
	otherType
	absent
)

func (e *Examination) state(namespace, name string) state {
	if _, known := e.secrets[types.NamespacedName{Namespace: namespace, Name: name}]; known {
		return pullable
	}
	places, known := e.places[name]
	switch {
	case !known:
		return unknown
	case slices.Contains(places, namespace):
		return otherType
	}
	return absent
}

// accountsOf returns the ServiceAccounts of a namespace, sorted by name.
func (e *Examination) accountsOf(namespace string) []*account {
	accounts := e.accounts[namespace]
	sorted := make([]*account, 0, len(accounts))
	for _, name := range slices.Sorted(maps.Keys(accounts)) {
		sorted = append(sorted, accounts[name])
	}
	return sorted
}

// Findings returns all findings, sorted by namespace, object and code.
func (e *Examination) Findings() []Finding {
	findings := slices.Concat(e.findings, e.checkSecrets())
	for namespace := range e.accounts {
		for _, a := range e.accountsOf(namespace) {
			findings = append(findings, e.checkAccount(a)...)
		}
	}
	for _, p := range e.pods {
		findings = append(findings, e.checkPod(p)...)
	}
	return merge(findings)
}

// checkSecrets checks the content of all pull Secrets and certificates. A replica with the content of its source is
// counted there, so that one mistake is one finding.
func (e *Examination) checkSecrets() []Finding {
	var findings []Finding
	copies := e.copies()
	for key, p := range e.secrets {
		findings = append(findings, e.checkAttached(p)...)
		if !e.isCopy(p.origin) {
			findings = append(findings, withOrigin(p.check(e.hosts, e.options), p.origin, copies[key])...)
		}
	}
	for key, c := range e.certificates {
		if !e.isCopy(c.origin) {
			findings = append(findings, withOrigin(c.findings(), c.origin, copies[key])...)
		}
	}
	return findings
}
