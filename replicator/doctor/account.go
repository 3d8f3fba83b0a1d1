package doctor

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// account is what the checks need of a ServiceAccount.
type account struct {
	object Object
	// secrets are the names in its imagePullSecrets.
	secrets []string
}

func newAccount(s *corev1.ServiceAccount) *account {
	return &account{
		object:  Object{Kind: "serviceaccount", Namespace: s.Namespace, Name: s.Name},
		secrets: names(s.ImagePullSecrets),
	}
}

// names are those of the references, without empty ones, which the API server allows and the kubelet skips.
func names(references []corev1.LocalObjectReference) []string {
	var names []string
	for _, reference := range references {
		if reference.Name != "" {
			names = append(names, reference.Name)
		}
	}
	return names
}

// checkAccount checks the references of a ServiceAccount.
func (e *Examination) checkAccount(a *account) []Finding {
	var findings []Finding
	for _, name := range a.secrets {
		findings = append(findings, e.checkReference(a.object, name, AccountNamesMissing)...)
	}
	return findings
}

// checkReference checks that a Secret that an object names is there, and a pull Secret.
func (e *Examination) checkReference(o Object, name string, missing Code) []Finding {
	switch e.state(o.Namespace, name) {
	case otherType:
		return []Finding{newFinding(WrongType, Object{Kind: "secret", Namespace: o.Namespace, Name: name},
			"%s names it in imagePullSecrets, and its type is neither kubernetes.io/dockerconfigjson nor "+
				"kubernetes.io/dockercfg", o)}
	case absent:
		if elsewhere := e.places[name]; len(elsewhere) > 0 {
			return []Finding{newFinding(OtherNamespace, o, "names the Secret %s, which is not in the namespace %s; "+
				"there is one of this name in %s", name, o.Namespace, listed(elsewhere))}
		}
		return []Finding{newFinding(missing, o, "names the Secret %s in imagePullSecrets, which does not exist", name)}
	}
	return nil
}

// checkAttached checks that the ServiceAccounts that the source of a replica selects name the replica.
func (e *Examination) checkAttached(p *pullSecret) []Finding {
	source, known := e.secrets[p.source]
	if !known || source.policy == nil || source.policy.AttachTo.Empty() {
		return nil
	}
	var findings []Finding
	for _, a := range e.accountsOf(p.object.Namespace) {
		if source.policy.AttachTo.Match(a.object.Name) && !slices.Contains(a.secrets, p.object.Name) {
			findings = append(findings, newFinding(NotAttached, a.object, "does not name the replica %s, and its source %s "+
				"asks for it with attach-to-service-accounts", p.object.Name, p.source))
		}
	}
	return findings
}
