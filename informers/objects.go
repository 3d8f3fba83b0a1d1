package informers

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// Identity is what every lean object keeps of its metadata.
type Identity struct {
	types.NamespacedName
	UID     types.UID
	Version Version
	Created time.Time
	// Deleting says that the object has a deletionTimestamp.
	Deleting bool
}

// GetName is part of cache.Object.
func (i *Identity) GetName() string { return i.Name }

// GetNamespace is part of cache.Object.
func (i *Identity) GetNamespace() string { return i.Namespace }

// GetObjectMeta gives client-go's informers an object's key and resourceVersion; they ask for nothing else.
func (i *Identity) GetObjectMeta() metav1.Object { return objectMeta{Identity: i} }

// objectMeta has of a metav1.Object what informers ask for. A metav1.ObjectMeta would be ten times its size, and is
// asked for several times a change.
type objectMeta struct {
	metav1.Object
	*Identity
}

func (m objectMeta) GetName() string            { return m.Name }
func (m objectMeta) GetNamespace() string       { return m.Namespace }
func (m objectMeta) GetUID() types.UID          { return m.UID }
func (m objectMeta) GetResourceVersion() string { return m.Version.String() }

func (i *Identity) identity() *Identity { return i }

// IdentityOf reads an object's identity.
func IdentityOf(m metav1.Object) (Identity, error) {
	v, err := ParseVersion(m.GetResourceVersion())
	return Identity{
		NamespacedName: types.NamespacedName{Namespace: intern(m.GetNamespace()), Name: intern(m.GetName())},
		UID:            m.GetUID(),
		Version:        v,
		Created:        m.GetCreationTimestamp().Time,
		Deleting:       m.GetDeletionTimestamp() != nil,
	}, err
}

// intern keeps one copy of what stands in many objects that arrive together, such as a replica's name in every
// namespace.
func intern(s string) string { return unique.Make(s).Value() }

// Candidate is a Secret or ConfigMap that carries no replica label. Nothing of its content is known, and of one that
// has nothing to say to Mirrorball only its name and version.
type Candidate struct {
	Identity
	// Claims is nil for an object that has nothing to say to Mirrorball.
	Claims *annotations.Claims
	// Annotations are those that make its policy; nil without one, and where that is an outline.
	Annotations map[string]string
	// Unlabelled says that it has no labels, which a JSON patch has to know.
	Unlabelled bool
	// Stripped is what it is but for the label that was taken off; nil where it is no replica.
	Stripped *Replica
}

func newCandidate(obj any) (*Candidate, error) {
	m, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return nil, unexpected(obj)
	}
	claims := claimsOf(m)
	if claims == nil && m.Annotations[annotations.ReplicaOf] == "" {
		v, err := ParseVersion(m.ResourceVersion)
		n := types.NamespacedName{Namespace: intern(m.Namespace), Name: m.Name}
		return &Candidate{Identity: Identity{NamespacedName: n, Version: v}}, err
	}
	id, err := IdentityOf(m)
	if err != nil {
		return nil, err
	}
	c := &Candidate{Identity: id, Claims: claims, Unlabelled: len(m.Labels) == 0}
	c.Stripped = stripped(id, m, claims)
	if c.Claims != nil && c.Claims.Policy != nil {
		if !c.Claims.Policy.IsOutline() {
			c.Annotations = annotations.PolicyAnnotations(m.Annotations)
		}
	}
	return c, nil
}

func claimsOf(m metav1.Object) *annotations.Claims {
	if !annotations.Has(m.GetAnnotations()) {
		return nil
	}
	claims := annotations.Outline(m.GetNamespace(), m.GetName(), m.GetAnnotations())
	return &claims
}

// Replica is an object that carries the replica label: written by Mirrorball, or by somebody who claims so.
type Replica struct {
	Identity
	// Mode is how it came to be: annotations.ReplicaPush, ReplicaPull or a forgery.
	Mode string
	// Source is the source that it names; zero where it names none.
	Source types.NamespacedName
	// Digest is the DigestKey's of its content.
	Digest    Digest
	Type      string
	Immutable bool
	// Bare says that it has no annotations, and Unlabelled that it has no labels, which a JSON patch has to know.
	Bare, Unlabelled bool
	// Keep says that it is marked to stay where its source is gone and nothing is remembered of it.
	Keep bool
	// CopiedLabels and CopiedAnnotations are the keys on it that it records as copied from its source.
	CopiedLabels, CopiedAnnotations []string
	// Claims is nil where it has nothing more to say: an object that pulls has its PullFrom here.
	Claims *annotations.Claims
}

// Replica is the lean form of an object with the given content.
func (k DigestKey) Replica(m metav1.Object, c Content) (*Replica, error) {
	id, err := IdentityOf(m)
	if err != nil {
		return nil, err
	}
	claims := claimsOf(m)
	return &Replica{
		Identity: id, Mode: intern(modeOf(c, claims)), Source: sourceOf(c),
		Digest: k.Digest(c), Type: intern(c.Type), Immutable: c.Immutable, Bare: len(c.Annotations) == 0,
		Keep:              c.Annotations[annotations.KeptOnDelete] == string(annotations.Keep),
		CopiedLabels:      present(c.Labels, SplitList(c.Annotations[annotations.CopiedLabels])),
		CopiedAnnotations: present(c.Annotations, SplitList(c.Annotations[annotations.CopiedAnnotations])),
		Claims:            claims,
	}, nil
}

// sourceOf prefers the annotation, which is always whole, and falls back on the labels, which survive the loss of it.
func sourceOf(c Content) types.NamespacedName {
	source := annotationSource(c.Annotations)
	if !annotations.CouldName(source) {
		source = types.NamespacedName{
			Namespace: c.Labels[annotations.LabelSourceNamespace], Name: c.Labels[annotations.LabelSourceName],
		}
	}
	if !annotations.CouldName(source) {
		return types.NamespacedName{}
	}
	return interned(source)
}

func annotationSource(notes map[string]string) (source types.NamespacedName) {
	source.Namespace, source.Name, _ = strings.Cut(notes[annotations.ReplicaOf], "/")
	return source
}

func interned(n types.NamespacedName) types.NamespacedName {
	return types.NamespacedName{Namespace: intern(n.Namespace), Name: intern(n.Name)}
}

// present are those of the keys that m has, each once: the list is on the replica, where anyone can write it.
func present(m map[string]string, keys []string) []string {
	var out []string
	for _, k := range keys {
		if _, ok := m[k]; ok {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (k DigestKey) replica(obj any) (*Replica, error) {
	switch o := obj.(type) {
	case *corev1.Secret:
		return k.Replica(o, ContentOfSecret(o))
	case *corev1.ConfigMap:
		return k.Replica(o, ContentOfConfigMap(o))
	}
	return nil, unexpected(obj)
}

// Namespace is a namespace as the decisions need it.
type Namespace struct {
	Identity
	Labels map[string]string
	// Accept are the source namespaces that it accepts pushes from; nil is all.
	Accept *annotations.Patterns
	// Paused says that nothing is created, changed or removed in it.
	Paused bool
	// Problem is set where one of its annotations could not be read: an active source creates, changes and removes no
	// replica in it. The replicas of a source that is gone are removed.
	Problem *annotations.Problem
	// AcceptAttach are the source namespaces that may attach in it beside those that the rules allow, and AttachProblem is
	// set where that could not be read: what depends on it stays as it is.
	AcceptAttach  annotations.Patterns
	AttachProblem *annotations.Problem
}

// NewNamespace is the lean form of a namespace's metadata.
func NewNamespace(m metav1.Object) (*Namespace, error) {
	id, err := IdentityOf(m)
	if err != nil {
		return nil, err
	}
	n := &Namespace{Identity: id, Labels: m.GetLabels()}
	n.Accept, n.Problem = annotations.ParseAcceptFrom(m.GetAnnotations())
	paused, problem := annotations.ParsePaused(m.GetAnnotations())
	if n.Paused = paused; n.Problem == nil {
		n.Problem = problem
	}
	n.AcceptAttach, n.AttachProblem = annotations.ParseAcceptAttachFrom(m.GetAnnotations())
	return n, nil
}

func newNamespace(obj any) (*Namespace, error) {
	m, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return nil, unexpected(obj)
	}
	return NewNamespace(m)
}

// ServiceAccount is a ServiceAccount as far as image pull secrets go.
type ServiceAccount struct {
	Identity
	// PullSecrets are the names in imagePullSecrets, in order.
	PullSecrets []string
	// Attached are the entries of PullSecrets that Mirrorball added, and for which source.
	Attached map[string]types.NamespacedName
	// Bare says that it has no annotations.
	Bare bool
}

// isAttachedFor reports whether Mirrorball added an entry for the source.
func (sa *ServiceAccount) isAttachedFor(source types.NamespacedName) bool {
	for _, s := range sa.Attached {
		if s == source {
			return true
		}
	}
	return false
}

func newServiceAccount(obj any) (*ServiceAccount, error) {
	sa, ok := obj.(*corev1.ServiceAccount)
	if !ok {
		return nil, unexpected(obj)
	}
	id, err := IdentityOf(sa)
	if err != nil {
		return nil, err
	}
	lean := &ServiceAccount{
		Identity: id, Attached: ParseAttached(sa.Annotations[annotations.Attached]), Bare: len(sa.Annotations) == 0,
	}
	for _, ref := range sa.ImagePullSecrets {
		lean.PullSecrets = append(lean.PullSecrets, intern(ref.Name))
	}
	return lean, nil
}

// ParseAttached reads the Attached annotation; what cannot be read in it is left out, and so never taken away.
func ParseAttached(s string) map[string]types.NamespacedName {
	var out map[string]types.NamespacedName
	for _, entry := range SplitList(s) {
		name, of, _ := strings.Cut(entry, "=")
		var source types.NamespacedName
		source.Namespace, source.Name, _ = strings.Cut(of, "/")
		if !annotations.CouldName(source) {
			continue
		}
		if out == nil {
			out = map[string]types.NamespacedName{}
		}
		out[intern(name)] = types.NamespacedName{Namespace: intern(source.Namespace), Name: intern(source.Name)}
	}
	return out
}

func unexpected(obj any) error { return fmt.Errorf("unexpected object of type %T", obj) }
