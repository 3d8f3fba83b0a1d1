package doctor

import (
	"cmp"
	"fmt"
	"slices"
)

// Object names what a finding is about.
type Object struct {
	// Kind is in lower case, as kubectl writes it: secret, serviceaccount, pod.
	Kind      string
	Namespace string
	Name      string
}

// String returns kind and name, as kubectl's arguments have them.
func (o Object) String() string { return o.Kind + "/" + o.Name }

// Finding is one thing that is wrong.
type Finding struct {
	Code   Code
	Object Object
	// Message says what is wrong with this object. It is printable, on one line and of limited length.
	Message string
}

// messageLimit is the length of the longest message, in characters.
const messageLimit = 600

// newFinding formats the message. Its arguments may be anything that others wrote.
func newFinding(code Code, object Object, format string, args ...any) Finding {
	return Finding{Code: code, Object: object, Message: Printable(fmt.Sprintf(format, args...), messageLimit)}
}

// merge sorts findings by namespace, object and code, and merges those that say the same of several objects: the Pods
// of one Deployment have one finding, on the first of them.
func merge(findings []Finding) []Finding {
	slices.SortFunc(findings, compareFindings)
	type group struct {
		code                     Code
		kind, namespace, message string
	}
	merged, others, index := findings[:0:0], map[group][]string{}, map[group]int{}
	for _, f := range findings {
		g := group{f.Code, f.Object.Kind, f.Object.Namespace, f.Message}
		if i, known := index[g]; !known {
			index[g] = len(merged)
			merged = append(merged, f)
		} else if f.Object != merged[i].Object {
			others[g] = append(others[g], f.Object.String())
		}
	}
	for g, objects := range others {
		f := &merged[index[g]]
		*f = newFinding(f.Code, f.Object, "%s (also %s)", f.Message, listed(objects))
	}
	return merged
}

func compareFindings(a, b Finding) int {
	return cmp.Or(
		compareObjects(a.Object, b.Object),
		cmp.Compare(a.Code, b.Code),
		cmp.Compare(a.Message, b.Message),
	)
}

func compareObjects(a, b Object) int {
	return cmp.Or(
		cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name),
	)
}
