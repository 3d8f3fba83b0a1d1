package annotations

import "strings"

// isTrackingKey reports whether a tool finds or tracks its own objects by a label or an annotation. The tool takes a
// copy that carries such a key for its own, and prunes it because it is not in the manifests (kubernetes-replicator
// #151 and #189; only stripping every label helped there). Or the copy enters the caches of a controller that marks
// what it owns: cert-manager, external-secrets, sealed-secrets, Strimzi.
func isTrackingKey(key string) bool {
	prefix, _, ok := strings.Cut(key, "/")
	if !ok {
		return false
	}
	switch prefix {
	case "kubectl.kubernetes.io", "argocd.argoproj.io", "meta.helm.sh", "helm.sh",
		"sealedsecrets.bitnami.com", "strimzi.io":
		return true
	case "app.kubernetes.io":
		return key == "app.kubernetes.io/instance" || key == LabelManagedBy
	}
	return strings.HasSuffix(prefix, ".toolkit.fluxcd.io") ||
		isDomain(prefix, "cert-manager.io") || isDomain(prefix, "external-secrets.io")
}

// isDomain reports whether a prefix is a domain or below it.
func isDomain(prefix, domain string) bool {
	return prefix == domain || strings.HasSuffix(prefix, "."+domain)
}

// IsPrefixed reports whether a label or an annotation belongs to some other system, which may take its configuration
// from it: whether the key has a prefix. Kubernetes' recommended labels, app.kubernetes.io/…, are everybody's, other
// than those by which tools track their objects.
func IsPrefixed(key string) bool {
	prefix, _, ok := strings.Cut(key, "/")
	return ok && (prefix != "app.kubernetes.io" || isTrackingKey(key))
}

// isControlKey reports whether a key belongs to Mirrorball or to one of the two controllers whose dialects it reads.
func isControlKey(key string) bool {
	return strings.HasPrefix(key, Prefix) ||
		strings.HasPrefix(key, reflectorPrefix) ||
		strings.HasPrefix(key, replicatorPrefix)
}
