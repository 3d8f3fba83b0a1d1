package plan

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/informers"
)

// Attachable reports whether a Secret of this type works as an image pull secret.
func Attachable(secretType string) bool {
	t := corev1.SecretType(secretType)
	return t == corev1.SecretTypeDockerConfigJson || t == corev1.SecretTypeDockercfg
}

// attach names the replica in the ServiceAccounts of a target's namespace.
func (m *maker) attach(t *informers.Target) {
	if !Attachable(m.w.Source.Type) {
		return
	}
	for _, sa := range t.Accounts {
		//mutant:own-pull-secrets
		if !sa.Deleting && !slices.Contains(sa.PullSecrets, m.name) {
			m.act(Action{
				Verb: Attach, Target: sa.NamespacedName, Account: sa, Secret: m.name, created: t.Namespace.Created.Unix(),
			})
		}
	}
}

// detach takes away what was added for this source and has no replica behind it any more.
func (m *maker) detach() {
	for _, sa := range m.w.Attached {
		for secret, source := range sa.Attached {
			at := types.NamespacedName{Namespace: sa.Namespace, Name: secret}
			if source != m.w.Key.NamespacedName || m.isHeld(sa.In) || sa.Deleting || m.braked.Has(at) ||
				m.keepAttached(sa.ServiceAccount, at) {
				continue
			}
			m.act(Action{
				Verb: Detach, Target: sa.NamespacedName, Account: sa.ServiceAccount, Secret: secret, Evidence: m.evidence(sa.In),
			})
		}
	}
}

func (m *maker) keepAttached(sa *informers.ServiceAccount, at types.NamespacedName) bool {
	return m.w.Phase == PhaseActive && m.isAmong(m.served, at) && m.w.Source.Policy.AttachTo.Match(sa.Name) &&
		Attachable(m.w.Source.Type)
}
