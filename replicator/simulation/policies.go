package simulation

import (
	"maps"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"k8s.io/apimachinery/pkg/types"
)

// The world is small, so that things meet.
var (
	// lasting are the namespaces that are there throughout, passing those that come and go.
	lasting = []string{own, protected, "platform", "team-a", "team-b", "dev-a"}
	passing = []string{"team-c", "team-c", "dev-a"}
	objects = []string{"app", "db", "pull"}
	people  = []string{"default", "builder"}
)

const (
	reflector   = "reflector.v1.k8s.emberstack.com/"
	replicatorV = "replicator.v1.mittwald.de/"
)

func anyNamespace(c chance) string {
	return pick(c, "platform", "platform", "team-a", "team-a", "team-b", "team-c", "dev-a", protected)
}

func sourceNamespace(c chance) string {
	if c.oneIn(12) {
		return protected
	}
	return pick(c, "platform", "platform", "platform", "platform", "team-a")
}

func anyKind(c chance) annotations.Kind {
	if c.oneIn(4) {
		return annotations.ConfigMap
	}
	return annotations.Secret
}

func anyPlace(c chance) place { return anyIn(c, anyNamespace(c)) }

func sourcePlace(c chance) place { return anyIn(c, sourceNamespace(c)) }

func anyIn(c chance, namespace string) place {
	kind := anyKind(c)
	if kind == annotations.ConfigMap {
		return at(kind, namespace, "app")
	}
	return at(kind, namespace, pick(c, objects...))
}

func anyType(c chance, p place) string {
	switch {
	case p.kind == annotations.ConfigMap:
		return ""
	case p.Name == "pull" && !c.oneIn(5):
		return pick(c, "kubernetes.io/dockerconfigjson", "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg")
	case c.oneIn(25):
		return pick(c, "helm.sh/release.v1", "bootstrap.kubernetes.io/token")
	}
	return pick(c, "Opaque", "Opaque", "Opaque", "example.com/other")
}

// policy is a source's annotations, readable as a rule.
func policy(c chance) map[string]string {
	switch c.IntN(12) {
	case 0:
		return reflectorPolicy(c)
	case 1:
		return replicatorPolicy(c)
	}
	a := map[string]string{}
	reach := c.IntN(10)
	if reach < 7 {
		a[annotations.PushTo] = pick(c, "*", "*", "team-*", "team-*,dev-*", "team-a", "*,!team-b", "dev-?", "kube-*,team-a")
	}
	if reach == 7 {
		a[annotations.PushToSelector] = pick(c, "tier=web", "tier in (web,db)", "!tier", "env=prod")
	}
	if reach > 7 || c.oneIn(3) {
		a[annotations.PullBy] = pick(c, "*", "team-*", "team-b,dev-a", "kube-*")
	}
	if c.oneIn(10) {
		a[annotations.PullBySelector] = pick(c, "tier=web", "env=prod")
	}
	if c.oneIn(5) {
		a[annotations.Exclude] = pick(c, "team-a", "dev-*", "team-?", "none")
	}
	options(c, a)
	if c.oneIn(15) {
		maps.Copy(a, pick(c,
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

func options(c chance, a map[string]string) {
	if c.oneIn(8) {
		a[annotations.TargetName] = pick(c, objects...)
	}
	if c.oneIn(8) {
		a[annotations.Keys] = pick(c, "a", "a=x", "a,b=c", ".dockerconfigjson")
	}
	if c.oneIn(6) {
		a[annotations.CopyLabels] = pick(c, "*", "color", "tool*")
	}
	if c.oneIn(6) {
		a[annotations.CopyAnnotations] = pick(c, "*", "note")
	}
	if c.oneIn(3) {
		a[annotations.AttachToServiceAccounts] = pick(c, "*", "default", "builder,!default")
	}
	if _, keys := a[annotations.Keys]; !keys && c.oneIn(5) {
		// Not with keys: what is remembered of a source that they freeze is the policy before.
		a[annotations.OnDelete] = pick(c, "keep", "keep", "remove")
	}
	if c.oneIn(3) {
		a[annotations.SurvivesRecreation] = pick(c, "true", "true", "false")
	}
}

// Expressions are such that Go's engine runs them: the clock of the other one would be one of the bubble's goroutines.
func reflectorPolicy(c chance) map[string]string {
	a := map[string]string{reflector + "reflection-allowed": pick(c, "true", "true", "True", "false")}
	if c.oneIn(2) {
		a[reflector+"reflection-allowed-namespaces"] = pick(c, "team-.*", "", "team-a,dev-[ab]", "[^t].*|.*[^a]")
	}
	if c.oneIn(5) {
		a[reflector+"reflection-allowed-namespaces-selector"] = "tier=web"
	}
	if !c.oneIn(3) {
		a[reflector+"reflection-auto-enabled"] = "true"
		a[reflector+"reflection-auto-namespaces"] = pick(c, "", "team-.*", "team-b")
	}
	return a
}

func replicatorPolicy(c chance) map[string]string {
	a := map[string]string{}
	if c.oneIn(2) {
		a[replicatorV+"replicate-to"] = pick(c, "team-.*", "team-a,team-b", ".*")
	} else {
		a[replicatorV+"replicate-to-matching"] = "tier=web"
	}
	if c.oneIn(2) {
		a[replicatorV+"replication-allowed"] = "true"
		a[replicatorV+"replication-allowed-namespaces"] = pick(c, ".*", "team-[ab]")
	}
	if c.oneIn(2) {
		a[replicatorV+"strip-labels"] = "true"
	}
	return a
}

func labels(c chance) map[string]string {
	l := map[string]string{}
	if c.oneIn(2) {
		l["color"] = pick(c, "red", "blue")
	}
	if c.oneIn(4) {
		l["argocd.argoproj.io/instance"] = "x"
	}
	return l
}

func namespaceLabels(c chance) map[string]string {
	l := map[string]string{}
	if c.oneIn(2) {
		l["tier"] = pick(c, "web", "db")
	}
	if c.oneIn(3) {
		l["env"] = "prod"
	}
	return l
}

// replicaMarks are what Mirrorball writes on replicas of a source.
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
