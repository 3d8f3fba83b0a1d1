package annotations

import "strings"

// isTrackingKey says whether a tool finds or tracks its own objects by a label or an annotation. A copy that carries
// such a key is taken for one of the tool's objects, and pruned as one that its manifests don't have
// (kubernetes-replicator #151 and #189; only stripping every label helped there).
func isTrackingKey(key string) bool {
	prefix, _, ok := strings.Cut(key, "/")
	if !ok {
		return false
	}
	switch prefix {
	case "kubectl.kubernetes.io", "argocd.argoproj.io", "meta.helm.sh", "helm.sh":
		return true
	case "app.kubernetes.io":
		return key == "app.kubernetes.io/instance" || key == LabelManagedBy
	}
	return strings.HasSuffix(prefix, ".toolkit.fluxcd.io")
}

// isControlKey says whether a key is an order to a mirroring controller or a mark of one: Mirrorball or the two whose
// dialects it speaks.
func isControlKey(key string) bool {
	return strings.HasPrefix(key, Prefix) ||
		strings.HasPrefix(key, reflectorPrefix) ||
		strings.HasPrefix(key, replicatorPrefix)
}
