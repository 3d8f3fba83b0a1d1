package plan

import (
	"cmp"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

// Verb is what an action does.
type Verb string

// The verbs. Removals come first, and within one namespace the others in this order.
const (
	Detach   Verb = "detach"
	Delete   Verb = "delete"
	Recreate Verb = "recreate"
	Update   Verb = "update"
	Adopt    Verb = "adopt"
	Fill     Verb = "fill"
	Create   Verb = "create"
	Attach   Verb = "attach"
)

var verbOrder = map[Verb]int{
	Detach: 0, Delete: 1, Recreate: 2, Update: 3, Adopt: 4, Fill: 5, Create: 6, Attach: 7,
}

// Action is one write.
type Action struct {
	Verb Verb
	// Target is the object, or, to attach and detach, the ServiceAccount.
	Target types.NamespacedName
	// Occupant is what the decision was made on; its version is the write's precondition.
	Occupant informers.Occupant
	Account  *informers.ServiceAccount
	// Evidence are the namespaces that are the reason of a removal: it is right only while they are like that.
	Evidence []*informers.Namespace
	// Secret is the name to attach or detach.
	Secret string
	// Plain says that a pushed replica is written without the labels and annotations whose key has a prefix.
	Plain bool
	// Pull is set to fill.
	Pull *annotations.Pull
	// Contested says that another source wants the place of a copy, so that its content does not show whose it is.
	Contested bool
	// NamespaceUID is that of the target's namespace; empty where it is not known.
	NamespaceUID types.UID
	// created is the age of the namespace in seconds since 1970: what is for new namespaces comes first. Removals have
	// none.
	created int64
}

// Removes reports whether the action takes something away.
func (a *Action) Removes() bool { return a.Verb == Detach || a.Verb == Delete }

// Object returns the key of the object that is written.
func (a *Action) Object(kind annotations.Kind) informers.Key {
	if a.Account != nil {
		kind = informers.ServiceAccountKind
	}
	return informers.Key{Kind: kind, NamespacedName: a.Target}
}

// compareActions orders removals first, then the newest namespaces, so that they do not wait for the end of a rotation,
// then by verb and by name.
func compareActions(a, b Action) int {
	if a.Removes() != b.Removes() {
		return cmp.Compare(verbOrder[a.Verb], verbOrder[b.Verb])
	}
	return cmp.Or(cmp.Compare(b.created, a.created), cmp.Compare(verbOrder[a.Verb], verbOrder[b.Verb]),
		strings.Compare(a.Target.Namespace, b.Target.Namespace), strings.Compare(a.Target.Name, b.Target.Name),
		strings.Compare(a.Secret, b.Secret))
}
