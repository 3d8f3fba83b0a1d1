package main

import (
	"slices"
	"strings"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// namespaceKind is the kind of a reference to a namespace.
const namespaceKind annotations.Kind = "Namespace"

// kindNames are the names of kinds that people write, as kubectl takes them.
var kindNames = map[string]annotations.Kind{
	"secret": annotations.Secret, "secrets": annotations.Secret,
	"configmap": annotations.ConfigMap, "configmaps": annotations.ConfigMap, "cm": annotations.ConfigMap,
	"namespace": namespaceKind, "namespaces": namespaceKind, "ns": namespaceKind,
}

// reference is an object as somebody names it. What is empty may be anything.
type reference struct {
	kind            annotations.Kind
	namespace, name string
}

// parseReferences parses arguments such as secret/regcred, infra/regcred, secret regcred or secret/infra/regcred. The
// namespace is that of -n where the argument has none.
func parseReferences(args []string, namespace string) ([]reference, error) {
	if len(args) > 1 {
		if kind, ok := kindNames[strings.ToLower(args[0])]; ok {
			joined := make([]string, 0, len(args)-1)
			for _, name := range args[1:] {
				joined = append(joined, strings.ToLower(string(kind))+"/"+name)
			}
			return parseReferences(joined, namespace)
		}
	}
	var list []reference
	for _, arg := range args {
		r, ok := parseReference(arg)
		if !ok {
			return nil, unable("%q does not name an object; write secret/NAME, configmap/NAME, NAMESPACE/NAME or "+
				"namespace/NAME, and -n NAMESPACE", arg)
		}
		if r.namespace == "" && r.kind != namespaceKind {
			r.namespace = namespace
		}
		list = append(list, r)
	}
	return list, nil
}

func parseReference(arg string) (reference, bool) {
	parts := strings.Split(arg, "/")
	if slices.Contains(parts, "") {
		return reference{}, false
	}
	kind, known := kindNames[strings.ToLower(parts[0])]
	switch {
	case len(parts) == 2 && known:
		return reference{kind: kind, name: parts[1]}, true
	case len(parts) == 2:
		return reference{namespace: parts[0], name: parts[1]}, true
	case len(parts) == 3 && known && kind != namespaceKind:
		return reference{kind: kind, namespace: parts[1], name: parts[2]}, true
	case len(parts) == 1 && !known:
		return reference{name: parts[0]}, true
	}
	return reference{}, false
}

// matches reports whether an object is the one that is named.
func (r reference) matches(kind annotations.Kind, namespace, name string) bool {
	return (r.kind == "" || r.kind == kind) && (r.namespace == "" || r.namespace == namespace) && r.name == name
}

// String returns the reference as it can be written again.
func (r reference) String() string {
	parts := []string{strings.ToLower(string(r.kind)), r.namespace, r.name}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "/")
}
