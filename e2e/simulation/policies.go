package simulation

import (
	"maps"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// The world is small, so that sources, replicas and strangers meet under the same names.
var (
	// permanentNamespaces exist from the beginning, temporaryNamespaces are created and deleted.
	permanentNamespaces = []string{ownNamespace, protected, "platform", "team-a", "team-b", "dev-a"}
	temporaryNamespaces = []string{"team-c", "team-c", "dev-a"}
	// hostileNamespaces are those of the hostile tenants.
	hostileNamespaces = []string{"evil", "team-evil"}
	objectNames       = []string{"app", "db", "pull"}
	accountNames      = []string{"default", "builder"}
)

const (
	reflector   = "reflector.v1.k8s.emberstack.com/"
	replicatorV = "replicator.v1.mittwald.de/"
)

func anyNamespace(r random) string {
	return pick(r, "platform", "platform", "team-a", "team-a", "team-b", "team-c", "dev-a", protected)
}

func sourceNamespace(r random) string {
	if r.oneIn(12) {
		return protected
	}
	return pick(r, "platform", "platform", "platform", "platform", "team-a")
}

func anyKind(r random) annotations.Kind {
	if r.oneIn(4) {
		return annotations.ConfigMap
	}
	return annotations.Secret
}

func anyPlace(r random) place { return anyIn(r, anyNamespace(r)) }

func sourcePlace(r random) place { return anyIn(r, sourceNamespace(r)) }

func anyIn(r random, namespace string) place {
	kind := anyKind(r)
	if kind == annotations.ConfigMap {
		return at(kind, namespace, "app")
	}
	return at(kind, namespace, pick(r, objectNames...))
}

func anyType(r random, p place) string {
	switch {
	case p.kind == annotations.ConfigMap:
		return ""
	case p.Name == "pull" && !r.oneIn(5):
		return pick(r, "kubernetes.io/dockerconfigjson", "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg")
	case r.oneIn(25):
		return pick(r, "helm.sh/release.v1", "bootstrap.kubernetes.io/token")
	}
	return pick(r, "Opaque", "Opaque", "Opaque", "example.com/other")
}

// policy returns a source's annotations, most of them valid.
func policy(r random) map[string]string {
	switch r.IntN(12) {
	case 0:
		return reflectorPolicy(r)
	case 1:
		return replicatorPolicy(r)
	}
	a := map[string]string{}
	reach := r.IntN(10)
	if reach < 7 {
		a[annotations.PushTo] = pick(r, "*", "*", "team-*", "team-*,dev-*", "team-a", "*,!team-b", "dev-?", "kube-*,team-a")
	}
	if reach == 7 {
		a[annotations.PushToSelector] = pick(r, "tier=web", "tier in (web,db)", "!tier", "env=prod")
	}
	if reach > 7 || r.oneIn(3) {
		a[annotations.PullBy] = pick(r, "*", "team-*", "team-b,dev-a", "kube-*")
	}
	if r.oneIn(10) {
		a[annotations.PullBySelector] = pick(r, "tier=web", "env=prod")
	}
	if r.oneIn(5) {
		a[annotations.Exclude] = pick(r, "team-a", "dev-*", "team-?", "none")
	}
	options(r, a)
	if r.oneIn(15) {
		maps.Copy(a, pick(r,
			map[string]string{annotations.PushTo: "Not_A_Pattern!"},
			map[string]string{annotations.PushToSelector: ""},
			map[string]string{annotations.Exclude: "[a-z"},
			map[string]string{annotations.OnDelete: "perhaps"},
			map[string]string{annotations.Keys: "none"},
		))
		if _, keys := a[annotations.Keys]; keys {
			delete(a, annotations.OnDelete)
		}
	}
	return a
}

func options(r random, a map[string]string) {
	if r.oneIn(8) {
		a[annotations.TargetName] = pick(r, objectNames...)
	}
	if r.oneIn(8) {
		a[annotations.Keys] = pick(r, "a", "a=x", "a,b=c", ".dockerconfigjson")
	}
	if r.oneIn(5) {
		a[annotations.CopyLabels] = pick(r, "*", "*", "color", "tool*", "example.com/*", "argocd.argoproj.io/secret-type")
	}
	if r.oneIn(6) {
		a[annotations.CopyAnnotations] = pick(r, "*", "note")
	}
	if r.oneIn(3) {
		a[annotations.AttachToServiceAccounts] = pick(r, "*", "default", "builder,!default")
	}
	if _, keys := a[annotations.Keys]; !keys && r.oneIn(5) {
		// Not with keys: the record of a source that they freeze has the policy before.
		a[annotations.OnDelete] = pick(r, "keep", "keep", "remove")
	}
	if r.oneIn(3) {
		a[annotations.SurvivesRecreation] = pick(r, "true", "true", "false")
	}
	if r.oneIn(30) {
		a[annotations.Paused] = "true"
	}
}

// reflectorPolicy has expressions that need no backtracking: the library that runs those has a clock of its own, which
// would be one of the bubble's goroutines.
func reflectorPolicy(r random) map[string]string {
	a := map[string]string{reflector + "reflection-allowed": pick(r, "true", "true", "True", "false")}
	if r.oneIn(2) {
		a[reflector+"reflection-allowed-namespaces"] = pick(r, "team-.*", "", "team-a,dev-[ab]", "[^t].*|.*[^a]")
	}
	if r.oneIn(5) {
		a[reflector+"reflection-allowed-namespaces-selector"] = "tier=web"
	}
	if !r.oneIn(3) {
		a[reflector+"reflection-auto-enabled"] = "true"
		a[reflector+"reflection-auto-namespaces"] = pick(r, "", "team-.*", "team-b")
	}
	return a
}

func replicatorPolicy(r random) map[string]string {
	a := map[string]string{}
	if r.oneIn(2) {
		a[replicatorV+"replicate-to"] = pick(r, "team-.*", "team-a,team-b", ".*")
	} else {
		a[replicatorV+"replicate-to-matching"] = "tier=web"
	}
	if r.oneIn(2) {
		a[replicatorV+"replication-allowed"] = "true"
		a[replicatorV+"replication-allowed-namespaces"] = pick(r, ".*", "team-[ab]")
	}
	if r.oneIn(2) {
		a[replicatorV+"strip-labels"] = "true"
	}
	return a
}

func labels(r random) map[string]string {
	l := map[string]string{}
	if r.oneIn(2) {
		l["color"] = pick(r, "red", "blue")
	}
	if r.oneIn(4) {
		l["argocd.argoproj.io/instance"] = "x"
	}
	if r.oneIn(3) {
		l["example.com/team"] = pick(r, "one", "two")
	}
	if r.oneIn(6) {
		l["argocd.argoproj.io/secret-type"] = "repository"
	}
	return l
}

func namespaceLabels(r random) map[string]string {
	l := map[string]string{}
	if r.oneIn(2) {
		l["tier"] = pick(r, "web", "db")
	}
	if r.oneIn(3) {
		l["env"] = "prod"
	}
	return l
}

// replicaMarks returns the labels and annotations that Mirrorball writes on replicas of a source.
func replicaMarks(mode string, source types.NamespacedName) (labels, notes map[string]string) {
	labels = map[string]string{
		annotations.LabelReplica: mode, annotations.LabelSourceNamespace: source.Namespace,
		annotations.LabelSourceName: source.Name,
	}
	if mode == annotations.ReplicaPush {
		labels[annotations.LabelManagedBy] = annotations.ManagedBy
	}
	return labels, map[string]string{annotations.ReplicaOf: source.String()}
}
