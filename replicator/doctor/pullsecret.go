package doctor

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// findingLimit is the number of findings about the content of one Secret. One that is all wrong is told by fewer.
const findingLimit = 20

// pullSecret is what the checks need of a Secret that is, or is used as, a pull Secret.
type pullSecret struct {
	origin
	config  *Config
	typ     corev1.SecretType
	written time.Time
	// policy is set on a source.
	policy *annotations.Policy
}

// newPullSecret keeps of a Secret what the checks need. Configs of the same content are shared.
func (e *Examination) newPullSecret(s *corev1.Secret) *pullSecret {
	content, parse := s.Data[corev1.DockerConfigJsonKey], ParseDockerConfigJSON
	if s.Type == corev1.SecretTypeDockercfg {
		content, parse = s.Data[corev1.DockerConfigKey], ParseDockercfg
	}
	sum := digest(sha256.Sum256(append([]byte(s.Type), content...)))
	if e.configs[sum] == nil {
		e.configs[sum] = parse(content)
	}
	return &pullSecret{
		origin:  newOrigin(s, sum),
		config:  e.configs[sum],
		typ:     s.Type,
		written: writtenAt(s.ObjectMeta),
		policy:  annotations.Parse(s.Namespace, s.Name, s.Annotations).Policy,
	}
}

// writtenAt returns when the data of an object was last written: the latest time of a field manager that owns data, or
// without any the time of creation.
func writtenAt(m metav1.ObjectMeta) time.Time {
	var latest time.Time
	for _, manager := range m.ManagedFields {
		if manager.Time == nil || manager.FieldsV1 == nil || !manager.Time.After(latest) {
			continue
		}
		var fields map[string]json.RawMessage
		if json.Unmarshal(manager.FieldsV1.GetRawBytes(), &fields) != nil {
			continue
		}
		if _, owns := fields["f:data"]; owns {
			latest = manager.Time.Time
		}
	}
	if latest.IsZero() {
		return m.CreationTimestamp.Time
	}
	return latest
}

// check checks the content. hosts are those that images come from.
func (p *pullSecret) check(hosts *hosts, options Options) []Finding {
	c, o := p.config, p.object
	if c.refusal != "" {
		return []Finding{newFinding(c.code, o, "%s", c.refusal)}
	}
	var findings []Finding
	if len(c.entries) == 0 {
		findings = append(findings, newFinding(NoEntries, o, "%s", p.noEntries()))
	}
	findings = append(findings, c.checkHelpers(o)...)
	seen := map[string]bool{}
	for i := range c.entries {
		e := &c.entries[i]
		if e.unreadable {
			findings = append(findings, newFinding(BadAddress, o, "entry %d of %d: its address is no URL; the kubelet skips it",
				i+1, len(c.entries)))
			continue
		}
		if seen[e.address.key] {
			findings = append(findings, newFinding(Duplicate, o, "entry %s: another entry has the same address, without its "+
				"scheme and /v1/ or /v2/", e.address))
		}
		seen[e.address.key] = true
		findings = append(findings, checkAddress(o, e.address, hosts)...)
		findings = append(findings, checkLogin(o, e)...)
		findings = append(findings, checkExpiry(o, e, p.written, options)...)
	}
	if more := len(findings) - findingLimit; more > 0 {
		code := findings[findingLimit-1].Code
		findings = append(findings[:findingLimit-1], newFinding(code, o, "and %d more findings about this Secret", more+1))
	}
	return findings
}

func (p *pullSecret) noEntries() string {
	switch {
	case p.config.misplaced && p.typ == corev1.SecretTypeDockerConfigJson:
		return "there is no auths; the registries are at the top level, which is the format of kubernetes.io/dockercfg"
	case p.config.misplaced:
		return "the registries are in auths, which is the format of kubernetes.io/dockerconfigjson"
	case p.typ == corev1.SecretTypeDockerConfigJson:
		return "auths is absent or empty"
	}
	return "the JSON object is empty"
}

// checkHelpers finds registries whose credentials are somewhere else, as Docker Desktop stores them. A helper beside
// credentials does no harm: the kubelet does not look at it.
func (c *Config) checkHelpers(o Object) []Finding {
	complete, lacking := map[string]bool{}, len(c.entries) == 0
	for i := range c.entries {
		if c.entries[i].password != "" {
			complete[c.entries[i].address.key] = true
		} else {
			lacking = true
		}
	}
	var findings []Finding
	if c.store && lacking {
		findings = append(findings, newFinding(Helper, o, "credsStore names a program that is not on the nodes"))
	}
	var names []string
	for _, helper := range c.helpers {
		if !complete[helper.key] {
			names = append(names, helper.String())
		}
	}
	if len(names) > 0 {
		findings = append(findings, newFinding(Helper, o, "credHelpers names programs that are not on the nodes, for %s",
			listed(names)))
	}
	return findings
}
