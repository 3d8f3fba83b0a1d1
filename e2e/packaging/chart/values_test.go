package chart

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWrongValues: the schema refuses what is wrong, and the message names the key and what was expected.
func TestWrongValues(t *testing.T) {
	for name, tc := range map[string]struct {
		set  string
		want []string
	}{
		"an unknown key":               {"replicaCount=3", []string{"replicaCount", "not allowed"}},
		"an unknown flag":              {"config.grace=5s", []string{"/config", "grace", "not allowed"}},
		"replicas as a word":           {"replicas=two", []string{"/replicas", "want integer"}},
		"negative replicas":            {"replicas=-1", []string{"/replicas", "minimum"}},
		"two Pods without an election": {"config.leaderElect=false", []string{"/config/leaderElect", "true"}},
		"a duration without a unit":    {"config.sourceDeleteGrace=60", []string{"/config/sourceDeleteGrace", "string"}},
		"a duration in words": {
			"config.sourceDeleteGrace=1 minute",
			[]string{"/config/sourceDeleteGrace", "pattern"},
		},
		"a kind that is not mirrored": {"config.kinds=pods", []string{"/config/kinds", "secrets"}},
		"a log level":                 {"config.logLevel=trace", []string{"/config/logLevel", "debug"}},
		"a log format":                {"config.logFormat=xml", []string{"/config/logFormat", "json"}},
		"no workers":                  {"config.workers=0", []string{"/config/workers", "minimum"}},
		"an address without a colon":  {"config.httpAddress=8080", []string{"/config/httpAddress", "string"}},
		"an address of one interface": {"config.httpAddress=127.0.0.1:80", []string{"/config/httpAddress", "pattern"}},
		"a pattern with a capital": {
			"config.protectedNamespaces=Team-*",
			[]string{"/config/protectedNamespaces", "pattern"},
		},
		"a pattern among the namespaces": {
			"config.namespaces=team-*",
			[]string{"/config/namespaces", "pattern"},
		},
		"attaching as a word": {
			"config.attachToServiceAccounts=off",
			[]string{"/config/attachToServiceAccounts", "boolean"},
		},
		"a namespace with a slash": {
			"config.leaderElectionNamespace=a/b",
			[]string{"/config/leaderElectionNamespace", "pattern"},
		},
		"a digest that is none": {"image.digest=sha256:abc", []string{"/image/digest", "pattern"}},
		"a repository with a tag": {
			"image.repository=registry.example.com/m:1",
			[]string{"/image/repository", "pattern"},
		},
		"a tag that YAML reads as a number": {"image.tag=1", []string{"/image/tag", "want string"}},
		"a pull policy":                     {"image.pullPolicy=Sometimes", []string{"/image/pullPolicy", "IfNotPresent"}},
		"a rule without targets": {
			"rules[0].sources[0]=a,rules[0].allow[0]=push", []string{"/rules/0", "targets"},
		},
		"a right that does not exist": {
			"rules[0].sources[0]=a,rules[0].targets[0]=b,rules[0].allow[0]=pull",
			[]string{"/rules/0/allow/0", "push"},
		},
		"a pull secret as a word":   {"imagePullSecrets[0]=regcred", []string{"/imagePullSecrets/0", "object"}},
		"resources beside requests": {"resources.cpu=1", []string{"/resources", "cpu", "not allowed"}},
		"the label that Pods are found by": {
			`podLabels.app\.kubernetes\.io/name=x`, []string{"/podLabels/app.kubernetes.io~1name", "'mirrorball'"},
		},
		"a port of the API server": {
			"networkPolicy.apiServerPorts[0]=70000",
			[]string{"/networkPolicy/apiServerPorts/0", "maximum"},
		},
		"a memory limit in a unit of Kubernetes": {"goMemoryLimit=192Mi", []string{"/goMemoryLimit", "pattern"}},
		"an interval": {
			"metrics.serviceMonitor.interval=often",
			[]string{"/metrics/serviceMonitor/interval", "pattern"},
		},
		"a mode of the guard that does not exist": {
			"admission.guard.mode=audit", []string{"/admission/guard/mode", "deny"},
		},
		"a mode of the guard as a boolean": {
			"admission.guard.mode=false", []string{"/admission/guard/mode", "string"},
		},
		"a user with a quote": {
			"admission.guard.exemptUsers[0]=a'b", []string{"/admission/guard/exemptUsers/0", "pattern"},
		},
		"a mode of the licence that does not exist": {
			"admission.licence.mode=on", []string{"/admission/licence/mode", "deny"},
		},
		"Pods without their ServiceAccounts": {
			"admission.bornAttached.pods=true", []string{"/admission/bornAttached/enabled", "true"},
		},
		"born attached in some namespaces": {
			"admission.bornAttached.enabled=true,config.namespaces=team-a",
			[]string{"/config/namespaces", "maxLength"},
		},
		"born attached without attaching": {
			"admission.bornAttached.enabled=true,config.attachToServiceAccounts=false",
			[]string{"/config/attachToServiceAccounts", "true"},
		},
		"another controller": {"migrateFrom=flux", []string{"/migrateFrom", "reflector"}},
		"no image":           {"image.repository=", []string{"image.repository is not set"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"template", "mirrorball", deploy(t, "chart")}, placeholder...)
			_, stderr, err := helm(t, "", append(args, "--set", tc.set)...)
			if err == nil {
				t.Fatalf("%s is accepted", tc.set)
			}
			for _, want := range tc.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("the message does not say %q: %s", want, stderr)
				}
			}
		})
	}
}

// TestRulesSchema: the schema of the value rules is that of docs/rules.schema.json.
func TestRulesSchema(t *testing.T) {
	read := func(parts ...string) map[string]any {
		text, err := os.ReadFile(deploy(t, parts...))
		if err != nil {
			t.Fatal(err)
		}
		var schema struct{ Properties map[string]map[string]any }
		if err := json.Unmarshal(text, &schema); err != nil {
			t.Fatal(err)
		}
		rules := schema.Properties["rules"]
		delete(rules, "type") // here, null is allowed, too
		return rules
	}
	want, got := read("..", "docs", "rules.schema.json"), read("chart", "values.schema.json")
	if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
		t.Errorf("docs/rules.schema.json has -, values.schema.json has +:\n%s", diff)
	}
}

// TestEverythingRenders sets all values that are off or empty by default.
func TestEverythingRenders(t *testing.T) {
	kinds := map[string]bool{}
	for _, object := range template(t, append(placeholder, everything...)...) {
		kinds[object.GetKind()] = true
	}
	for _, kind := range []string{
		"NetworkPolicy", "FlowSchema", "ServiceMonitor", "PrometheusRule", "ConfigMap", "ValidatingAdmissionPolicy",
		"MutatingAdmissionPolicy",
	} {
		if !kinds[kind] {
			t.Errorf("no %s is rendered", kind)
		}
	}
}

const affinity = "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]"

// common are the values that need no CRD, and everything also those that do.
var (
	common = []string{
		"--set", "flowSchema.enabled=true,networkPolicy.enabled=true,dashboard.enabled=true,metrics.scrapeAnnotations=true",
		"--set", "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.team=monitoring",
		"--set", "replicas=3,priorityClassName=system-cluster-critical,imagePullSecrets[0].name=regcred",
		"--set", "podLabels.team=platform,podAnnotations.note=text,nodeSelector.disk=ssd,tolerations[0].operator=Exists",
		"--set", "image.pullPolicy=IfNotPresent,serviceAccount.annotations.note=text,config.workers=4",
		"--set", "config.leaderElectionNamespace=kube-system,config.leaderElectionName=other,config.kinds=secrets",
		"--set", affinity + ".topologyKey=zone," + affinity + ".labelSelector.matchLabels.app=noisy",
		"--set", "rules[0].sources[0]=*,rules[0].targets[0]=*,rules[0].allow[0]=push",
		"--set", "admission.cage.enabled=true,admission.guard.mode=deny,admission.guard.exemptUsers[0]=restore",
		"--set", `config.protectedNamespaces=kube-*\,!kube-x`,
		"--set", "admission.bornAttached.enabled=true,admission.bornAttached.pods=true,admission.licence.mode=deny",
	}
	everything = append([]string{"--set", "metrics.serviceMonitor.enabled=true,metrics.alerts.enabled=true"}, common...)
)
