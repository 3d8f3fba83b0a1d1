package annotations

import "strings"

// isTrackingKey says whether a tool finds or tracks its own objects by a label or an annotation. A copy that carries
// such a key is taken for one of the tool's objects, and pruned as one that its manifests don't have
// (kubernetes-replicator #151 and #189; only stripping every label helped there), or enters the caches of a controller
// that marks what it owns: cert-manager, external-secrets, sealed-secrets, Strimzi.
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

// isControlKey says whether a key is an order to a mirroring controller or a mark of one: Mirrorball or the two whose
// dialects it speaks.
func isControlKey(key string) bool {
	return strings.HasPrefix(key, Prefix) ||
		strings.HasPrefix(key, reflectorPrefix) ||
		strings.HasPrefix(key, replicatorPrefix)
}
