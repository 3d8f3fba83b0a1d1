package doctor

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// Diagnosis says how a Pod pulls its images.
type Diagnosis struct {
	Pod Object
	// Account is the name of the ServiceAccount of the Pod.
	Account string
	// Secrets are the names in imagePullSecrets of the Pod, in order.
	Secrets []string
	Images  []ImageDiagnosis
}

// ImageDiagnosis says which credentials the kubelet uses for an image.
type ImageDiagnosis struct {
	Container string
	Image     string
	Registry  string
	// Reason is why the container waits, if the image cannot be pulled.
	Reason string
	// Tried are the credentials that fit the image, in the order in which the kubelet tries them.
	Tried []Attempt
	// NotTried are those that do not fit, and why.
	NotTried []Attempt
}

// Attempt is one entry of one Secret.
type Attempt struct {
	Secret  string
	Address string
	// Note says why the entry does not fit, or why the registry will reject it.
	Note string
	// credential is set on what is tried.
	credential Credential
}

// Diagnose says how the Pod pulls its images. It reports false if the Pod is not known, or has ended.
func (e *Examination) Diagnose(namespace, name string) (Diagnosis, bool) {
	i := slices.IndexFunc(e.pods, func(p *pod) bool { return p.object.Namespace == namespace && p.object.Name == name })
	if i < 0 {
		return Diagnosis{}, false
	}
	p := e.pods[i]
	d := Diagnosis{Pod: p.object, Account: p.account}
	for _, name := range p.secrets {
		d.Secrets = append(d.Secrets, Printable(name, addressLimit))
	}
	for _, c := range p.containers {
		d.Images = append(d.Images, e.diagnoseImage(p, c))
	}
	return d, true
}

func (e *Examination) diagnoseImage(p *pod, c container) ImageDiagnosis {
	d := ImageDiagnosis{
		Container: c.name, Image: Printable(c.image, imageLimit), Registry: c.parsed.Registry, Reason: c.reason,
	}
	if c.problem != nil {
		return d
	}
	keyring := e.keyring(p.object.Namespace, p.secrets)
	tried := map[*entry]bool{}
	for _, credential := range keyring.Lookup(c.parsed.Repository) {
		tried[credential.entry] = true
		d.Tried = append(d.Tried, Attempt{
			Secret: credential.Secret, Address: credential.Address(), credential: credential,
			Note: e.loginNote(p.object.Namespace, credential),
		})
	}
	for _, name := range p.secrets {
		for _, attempt := range e.notTried(p.object.Namespace, name, c.parsed.Repository, tried) {
			attempt.Secret = Printable(name, addressLimit)
			d.NotTried = append(d.NotTried, attempt)
		}
	}
	return d
}

// loginNote says why a registry will reject the credential, or "".
func (e *Examination) loginNote(namespace string, c Credential) string {
	s := e.secrets[types.NamespacedName{Namespace: namespace, Name: c.Secret}]
	for _, f := range slices.Concat(checkLogin(s.object, c.entry), checkExpiry(s.object, c.entry, s.written, e.options)) {
		if f.Code.About().Severity == Error {
			return string(f.Code) + ": " + f.Code.About().Title
		}
	}
	return ""
}

// notTried lists what a Secret of the Pod has that is not used for the repository.
func (e *Examination) notTried(namespace, name, repository string, tried map[*entry]bool) []Attempt {
	switch e.state(namespace, name) {
	case absent:
		return []Attempt{{Note: "the Secret does not exist in this namespace"}}
	case otherType:
		return []Attempt{{Note: "the Secret is no pull Secret"}}
	case unknown:
		return []Attempt{{Note: "the Secret could not be read"}}
	}
	config := e.secrets[types.NamespacedName{Namespace: namespace, Name: name}].config
	if config.refusal != "" {
		return []Attempt{{Note: "the kubelet cannot read the Secret: " + config.refusal}}
	}
	var attempts []Attempt
	for i := range config.entries {
		if entry := &config.entries[i]; !tried[entry] && len(attempts) < findingLimit {
			attempts = append(attempts, Attempt{Address: entry.address.String(), Note: entry.address.mismatch(repository)})
		}
	}
	return attempts
}

// mismatch says why the kubelet does not use the address for a repository.
func (a address) mismatch(repository string) string {
	target, err := parseAddress(repository)
	host, port := a.hostname()
	targetHost, targetPort := target.hostname()
	switch {
	case err != nil || a.key == "":
		return "the address cannot be read"
	case port != targetPort && host == targetHost:
		return fmt.Sprintf("the port of the image is %s", orNone(targetPort))
	case matches(a.host, target.host):
		return fmt.Sprintf("the image does not begin with the path %s", Printable(a.path, addressLimit))
	}
	return "another registry"
}

func orNone(port string) string {
	if port == "" {
		return "not given"
	}
	return port
}

// keyring collects the credentials of those of the Secrets that can be read.
func (e *Examination) keyring(namespace string, names []string) *Keyring {
	if l := e.latest; l.keyring != nil && l.namespace == namespace && slices.Equal(l.names, names) {
		return l.keyring
	}
	keyring := &Keyring{}
	for _, name := range names {
		s, known := e.secrets[types.NamespacedName{Namespace: namespace, Name: name}]
		if known && s.config.refusal == "" {
			keyring.Add(name, s.config)
		}
	}
	e.latest.namespace, e.latest.names, e.latest.keyring = namespace, names, keyring
	return keyring
}
