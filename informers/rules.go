package informers

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
)

// RulesName is the name of the ConfigMap in Mirrorball's own namespace that holds the operator's rules, and RulesKey
// the data key of the document in it.
const (
	RulesName = "mirrorball"
	RulesKey  = "rules.yaml"
)

// RulesDocument is the ConfigMap that holds the operator's rules. What they say is not read here.
type RulesDocument struct {
	Identity
	// Text is the document, and Present says that the ConfigMap has one.
	Text    string
	Present bool
}

// NewRulesDocument is the lean form of the ConfigMap.
func NewRulesDocument(cm *corev1.ConfigMap) (*RulesDocument, error) {
	id, err := IdentityOf(cm)
	d := &RulesDocument{Identity: id}
	d.Text, d.Present = cm.Data[RulesKey]
	return d, err
}

func newRulesDocument(obj any) (*RulesDocument, error) {
	cm, ok := obj.(*corev1.ConfigMap)
	if !ok {
		return nil, unexpected(obj)
	}
	return NewRulesDocument(cm)
}

func (c *Cluster) newRules(o Options) *store[*RulesDocument] {
	from := listWatch(o.Typed.CoreV1().ConfigMaps(o.Namespace), selectors{
		fields: fields.OneTermEqualSelector("metadata.name", RulesName).String(),
	})
	return newStore(storeOptions[*RulesDocument]{
		name: "rules", source: from, expected: &corev1.ConfigMap{}, convert: newRulesDocument, changed: c.rulesChanged,
	})
}

// Rules returns the document of the operator's rules, or nil where there is none.
func (c *Cluster) Rules() *RulesDocument {
	for _, d := range c.rules.all() {
		return d
	}
	return nil
}

// rulesChanged asks for a look at everything that is pushed. Nobody waits for it: the rules are about all sources at
// once.
func (c *Cluster) rulesChanged(_ types.NamespacedName, old, new *RulesDocument) {
	if old != nil && new != nil && old.Text == new.Text && old.Present == new.Present {
		return
	}
	c.onRules()
	for _, s := range c.policies() {
		c.notify(s.key, Change{Scope: FullScope()})
	}
}

// homeChanged asks for a look at everything that a source pushes, and at the sources that compete with it: what the
// rules allow a source can depend on the labels of its namespace.
func (c *Cluster) homeChanged(s sourcePolicy) {
	all := changes{}
	all.add(s.key.NamespacedName, Change{Scope: FullScope()})
	c.kinds[s.key.Kind].competitorChanged(s.key.NamespacedName, all, s.policy)
	c.send(s.key.Kind, all)
}

// homes returns the namespaces of the source and of its competitors.
func (g *gathering) homes(c *Cluster) map[string]*Namespace {
	homes := map[string]*Namespace{g.Key.Namespace: c.namespace(g.Key.Namespace)}
	for _, r := range g.competitors {
		homes[r.Namespace] = c.namespace(r.Namespace)
	}
	return homes
}

// sameAttachConsent reports whether two states of a namespace accept the same attachments.
func (n *Namespace) sameAttachConsent(o *Namespace) bool {
	return sameProblem(n.AttachProblem, o.AttachProblem) && n.AcceptAttach.Equal(o.AcceptAttach)
}
