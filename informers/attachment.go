package informers

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// LabelAttachment marks the ConfigMaps in Mirrorball's own namespace that tell the API server's admission policies to
// which ServiceAccounts to attach the replicas of a source when they are created.
const LabelAttachment = annotations.Prefix + "attachment"

// attachmentSource is LabelAttachment's only value so far.
const attachmentSource = "source"

// Attachment is such a ConfigMap: the parameters of the admission policies, for one source.
type Attachment struct {
	Identity
	// Source is the source, and Secret the name of its replicas.
	Source types.NamespacedName
	Secret string
	// Accounts is an annotations.Condition on the name of the ServiceAccount, and Namespaces are several on its namespace,
	// separated by empty lines, which all have to hold.
	Accounts, Namespaces string
}

// Same reports whether both say the same of the same source.
func (a *Attachment) Same(o *Attachment) bool {
	return a.Source == o.Source && a.Secret == o.Secret && a.Accounts == o.Accounts && a.Namespaces == o.Namespaces
}

// AttachmentName is the name of the ConfigMap for a source.
func AttachmentName(source types.NamespacedName) string {
	return "attach-" + shortHash(source.String())
}

// ConfigMap is the object in the given namespace.
func (a *Attachment) ConfigMap(namespace string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: AttachmentName(a.Source),
			Labels: map[string]string{LabelAttachment: attachmentSource, annotations.LabelManagedBy: annotations.ManagedBy},
		},
		Data: map[string]string{
			"source": a.Source.String(), "secret": a.Secret, "accounts": a.Accounts, "namespaces": a.Namespaces,
		},
	}
}

// ParseAttachment reads the ConfigMap, whatever it says.
func ParseAttachment(cm *corev1.ConfigMap) (*Attachment, error) {
	id, err := IdentityOf(cm)
	a := &Attachment{
		Identity: id, Secret: cm.Data["secret"], Accounts: cm.Data["accounts"], Namespaces: cm.Data["namespaces"],
	}
	a.Source.Namespace, a.Source.Name, _ = strings.Cut(cm.Data["source"], "/")
	return a, err
}

func newAttachment(obj any) (*Attachment, error) {
	cm, ok := obj.(*corev1.ConfigMap)
	if !ok {
		return nil, unexpected(obj)
	}
	return ParseAttachment(cm)
}

func (c *Cluster) newAttachments(o Options) *store[*Attachment] {
	from := listerWatcher(o.Typed.CoreV1().ConfigMaps(o.Namespace), LabelAttachment+"="+attachmentSource)
	return newStore(storeOptions[*Attachment]{
		name: "attachments", source: from, expected: &corev1.ConfigMap{}, convert: newAttachment,
		changed: c.attachmentChanged,
	})
}

// Attachment returns the attachment of a source, or nil. It is found by its name: what it says may have been edited.
func (c *Cluster) Attachment(namespace string, source types.NamespacedName) *Attachment {
	return c.attachments.get(types.NamespacedName{Namespace: namespace, Name: AttachmentName(source)})
}

// CountAttachments returns how many there are.
func (c *Cluster) CountAttachments() int { return len(c.attachments.all()) }

// ObserveAttachment is Observe for an attachment.
func (c *Cluster) ObserveAttachment(a *Attachment) { c.attachments.observe(a) }

// ObserveNoAttachment takes in that the API server has confirmed the removal of an attachment.
func (c *Cluster) ObserveNoAttachment(id Identity) { c.attachments.observeDeleted(id) }

// attachmentChanged asks for a look at the source itself: one that is gone has no use for an attachment.
func (c *Cluster) attachmentChanged(_ types.NamespacedName, old, new *Attachment) {
	for _, a := range []*Attachment{old, new} {
		if a != nil && annotations.CouldName(a.Source) {
			c.notify(Key{annotations.Secret, a.Source}, Change{})
		}
	}
}
