package main

import (
	"slices"
	"strings"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// The kinds of references, beside those that can be mirrored.
const (
	namespaceKind annotations.Kind = "Namespace"
	podKind       annotations.Kind = "Pod"
)

// kindNames are names of kinds that people write, as kubectl takes them, and how objects of them are named, in a
// sentence.
type kindNames struct {
	kinds    map[string]annotations.Kind
	examples string
}

var (
	// inspectKinds are those that audit, plan and explain are about.
	inspectKinds = kindNames{map[string]annotations.Kind{
		"secret": annotations.Secret, "secrets": annotations.Secret,
		"configmap": annotations.ConfigMap, "configmaps": annotations.ConfigMap, "cm": annotations.ConfigMap,
		"namespace": namespaceKind, "namespaces": namespaceKind, "ns": namespaceKind,
	}, "secret/NAME, configmap/NAME, NAMESPACE/NAME or namespace/NAME"}
	// doctorKinds are those that doctor is about.
	doctorKinds = kindNames{map[string]annotations.Kind{
		"pod": podKind, "pods": podKind, "po": podKind, "secret": annotations.Secret, "secrets": annotations.Secret,
	}, "pod/NAME or secret/NAME"}
)

// reference is an object as somebody names it. What is empty may be anything.
type reference struct {
	kind            annotations.Kind
	namespace, name string
}

// parse parses arguments such as secret/regcred, infra/regcred, secret regcred or secret/infra/regcred. The namespace
// is that of -n where the argument has none.
func (k kindNames) parse(args []string, namespace string) ([]reference, error) {
	if len(args) > 1 {
		if kind, ok := k.kinds[strings.ToLower(args[0])]; ok {
			joined := make([]string, 0, len(args)-1)
			for _, name := range args[1:] {
				joined = append(joined, strings.ToLower(string(kind))+"/"+name)
			}
			return k.parse(joined, namespace)
		}
	}
	var list []reference
	for _, arg := range args {
		r, ok := k.parseOne(arg)
		if !ok {
			return nil, unable("%q does not name an object; write %s, and -n NAMESPACE", arg, k.examples)
		}
		if r.namespace == "" && r.kind != namespaceKind {
			r.namespace = namespace
		}
		list = append(list, r)
	}
	return list, nil
}

func (k kindNames) parseOne(arg string) (reference, bool) {
	parts := strings.Split(arg, "/")
	if slices.Contains(parts, "") {
		return reference{}, false
	}
	kind, known := k.kinds[strings.ToLower(parts[0])]
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
