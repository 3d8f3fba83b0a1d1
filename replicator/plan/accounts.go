package plan

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// Attachable reports whether a Secret of this type works as an image pull secret.
func Attachable(secretType string) bool {
	t := corev1.SecretType(secretType)
	return t == corev1.SecretTypeDockerConfigJson || t == corev1.SecretTypeDockercfg
}

// attach names the replica in the ServiceAccounts of a target's namespace.
func (m *maker) attach(t *informers.Target) {
	if m.w.Source.Policy.AttachTo.Empty() || !Attachable(m.w.Source.Type) || m.w.Settings.IgnoreServiceAccounts {
		return
	}
	if may, problem := m.mayAttach(t.Namespace); !may {
		m.withhold(t.Namespace, rules.Attach, problem)
		return
	}
	for _, sa := range t.Accounts {
		//mutant:own-pull-secrets
		if !sa.Deleting && !slices.Contains(sa.PullSecrets, m.name) {
			m.act(Action{
				Verb: Attach, Target: sa.NamespacedName, Account: sa, Secret: m.name, NamespaceUID: t.Namespace.UID,
				created: t.Namespace.Created.Unix(),
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
				m.keepAttached(sa, at) || m.keepsMarked(at) {
				continue
			}
			a := Action{Verb: Detach, Target: sa.NamespacedName, Account: sa.ServiceAccount, Secret: secret}
			m.justify(&a, sa.In)
			if sa.In != nil {
				a.NamespaceUID = sa.In.UID
			}
			m.act(a)
		}
	}
}

func (m *maker) keepAttached(sa informers.PlacedAccount, at types.NamespacedName) bool {
	if m.w.Phase != PhaseActive || !m.isAmong(m.served, at) || !m.w.Source.Policy.AttachTo.Match(sa.Name) ||
		!Attachable(m.w.Source.Type) {
		return false
	}
	if sa.In == nil {
		return true
	}
	may, problem := m.mayAttach(sa.In)
	//mutant:unreadable-attach-consent
	return may || problem != nil
}

// keepsMarked reports whether a replica stays although nothing is known of its source.
func (m *maker) keepsMarked(at types.NamespacedName) bool {
	return m.w.KeepsMarked && slices.ContainsFunc(m.w.Replicas, func(r informers.PlacedReplica) bool {
		return r.NamespacedName == at && r.Keep
	})
}
