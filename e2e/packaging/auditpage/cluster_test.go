package auditpage_test

import (
	"maps"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/replicator"
	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
	"github.com/mirrorball-dev/mirrorball/replicator/inspect"
)

// password is in the data of every Secret of the example.
const password = "SWORDFISH"

const ownNamespace = "mirrorball-system"

// cluster is an API server in memory, to which the objects of the example are written.
type cluster struct {
	*testing.T
	client kubernetes.Interface
}

// example returns the report on a cluster with a few sources, of which not all is in sync.
func example(t *testing.T) *inspect.Report {
	t.Helper()
	server := apiservertest.New(apiservertest.Options{})
	t.Cleanup(server.Close)
	config := &rest.Config{Host: "http://cluster", QPS: -1, Transport: server.RoundTripper("test")}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	c := cluster{T: t, client: client}
	c.namespaces()
	c.registryCredential()
	c.caBundle()
	c.certificate()
	c.pulled()
	c.frozen()
	return c.report(config)
}

func (c cluster) report(config *rest.Config) *inspect.Report {
	c.Helper()
	i, err := replicator.NewInspector(replicator.Options{
		Config: config, Kinds: []annotations.Kind{annotations.Secret, annotations.ConfigMap}, Namespace: ownNamespace,
		SourceNamespaces: c.patterns("*"), ProtectedNamespaces: c.patterns("kube-*"), SourceDeleteGrace: time.Minute,
	})
	if err != nil {
		c.Fatal(err)
	}
	if err := i.List(c.Context()); err != nil {
		c.Fatal(err)
	}
	if err := i.Decide(c.Context()); err != nil {
		c.Fatal(err)
	}
	settings := inspect.Settings{From: "Deployment mirrorball-system/mirrorball", ProtectedNamespaces: "kube-*"}
	return inspect.New(i, settings, nil)
}

func (c cluster) patterns(text string) annotations.Patterns {
	c.Helper()
	patterns, err := annotations.ParseNamespacePatterns(text)
	if err != nil {
		c.Fatal(err)
	}
	return patterns
}

// teams are the namespaces that the sources of the example are for.
var teams = []string{
	"team-atlas", "team-comet", "team-delta", "team-ember", "team-falcon", "team-granite", "team-harbor", "team-iris",
	"team-juniper",
}

func (c cluster) namespaces() {
	c.Helper()
	for _, name := range append([]string{ownNamespace, "platform", "ingress", "data", "build"}, teams...) {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if name == "team-harbor" {
			ns.Annotations = map[string]string{annotations.AcceptFrom: "!platform"}
		}
		_, err := c.client.CoreV1().Namespaces().Create(c.Context(), ns, metav1.CreateOptions{})
		c.check(err)
	}
}

// registryCredential has a replica in most namespaces: one is drifted, one is occupied, and one namespace refuses it.
func (c cluster) registryCredential() {
	c.Helper()
	source := secret("platform", "regcred", map[string]string{annotations.PushTo: "team-*"})
	c.secret(source)
	for _, team := range teams {
		copied := replicaOf(source, team)
		switch team {
		case "team-ember":
			copied = secret(team, source.Name, nil)
		case "team-harbor":
			continue
		case "team-iris":
			copied.Data["token"] = []byte(password + "!")
		}
		c.secret(copied)
	}
}

// caBundle has a replica in all namespaces but the last.
func (c cluster) caBundle() {
	c.Helper()
	meta := metav1.ObjectMeta{
		Namespace: "platform", Name: "ca-bundle", Annotations: map[string]string{annotations.PushTo: "team-*, !team-harbor"},
	}
	source := &corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"ca.crt": "text"}}
	c.configMap(source)
	for _, team := range teams[:len(teams)-1] {
		if team != "team-harbor" {
			c.configMap(&corev1.ConfigMap{ObjectMeta: replicaMeta(meta, team), Data: source.Data})
		}
	}
}

// certificate is a source of Reflector's.
func (c cluster) certificate() {
	c.Helper()
	const reflector = "reflector.v1.k8s.emberstack.com/reflection-"
	source := secret("ingress", "wildcard-tls", map[string]string{
		reflector + "allowed": "true", reflector + "auto-enabled": "true",
		reflector + "auto-namespaces": "team-(atlas|comet|delta)",
	})
	c.secret(source)
	for _, team := range teams[:3] {
		c.secret(replicaOf(source, team))
	}
}

// pulled is followed by an object in one namespace, and in another by one of another type.
func (c cluster) pulled() {
	c.Helper()
	source := secret("data", "kafka-client", map[string]string{annotations.PullBy: "team-*"})
	c.secret(source)
	follower := replicaOf(source, "team-delta")
	follower.Annotations[annotations.PullFrom] = "data/kafka-client"
	follower.Labels[annotations.LabelReplica] = annotations.ReplicaPull
	delete(follower.Labels, annotations.LabelManagedBy)
	c.secret(follower)
	other := secret("team-granite", "kafka-client", map[string]string{annotations.PullFrom: "data/kafka-client"})
	other.Type = "example.com/kafka"
	c.secret(other)
}

// frozen has a policy that cannot be parsed, and a replica from before.
func (c cluster) frozen() {
	c.Helper()
	source := secret("build", "npm-token", map[string]string{annotations.PushTo: "team_*"})
	c.secret(source)
	c.secret(replicaOf(source, "team-falcon"))
}

func secret(namespace, name string, notes map[string]string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Annotations: notes},
		Type:       corev1.SecretTypeOpaque, Data: map[string][]byte{"token": []byte(password)},
	}
}

func replicaOf(source *corev1.Secret, namespace string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: replicaMeta(source.ObjectMeta, namespace), Type: source.Type, Data: maps.Clone(source.Data),
	}
}

// replicaMeta is the metadata of a replica of a source.
func replicaMeta(source metav1.ObjectMeta, namespace string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace, Name: source.Name,
		Labels: map[string]string{
			annotations.LabelManagedBy: annotations.ManagedBy, annotations.LabelReplica: annotations.ReplicaPush,
			annotations.LabelSourceNamespace: source.Namespace, annotations.LabelSourceName: source.Name,
		},
		Annotations: map[string]string{annotations.ReplicaOf: source.Namespace + "/" + source.Name},
	}
}

func (c cluster) secret(s *corev1.Secret) {
	c.Helper()
	_, err := c.client.CoreV1().Secrets(s.Namespace).Create(c.Context(), s, metav1.CreateOptions{})
	c.check(err)
}

func (c cluster) configMap(m *corev1.ConfigMap) {
	c.Helper()
	_, err := c.client.CoreV1().ConfigMaps(m.Namespace).Create(c.Context(), m, metav1.CreateOptions{})
	c.check(err)
}

func (c cluster) check(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}
