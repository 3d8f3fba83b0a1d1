package annotations

import "strings"

// isTrackingKey reports whether a tool finds or tracks its own objects by a label or an annotation. The tool takes a
// copy that carries such a key for its own, and prunes it because it is not in the manifests (kubernetes-replicator
// #151 and #189; only stripping every label helped there).
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

// isControlKey reports whether a key belongs to Mirrorball or to one of the two controllers whose dialects it reads.
func isControlKey(key string) bool {
	return strings.HasPrefix(key, Prefix) ||
		strings.HasPrefix(key, reflectorPrefix) ||
		strings.HasPrefix(key, replicatorPrefix)
}
