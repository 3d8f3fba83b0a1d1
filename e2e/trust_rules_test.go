package e2e

import (
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// markers let CatchUp go on under whatever rules.
const markers = `{sources: ["marker-*"], targets: ["marker-*"], allow: [push]}`

// rules writes the operator's rules, one in a line; without any, the built-in ones hold.
func (s *scene) rules(list ...string) {
	s.Helper()
	if len(list) == 0 {
		if err := s.system.DeleteRules(s.Context()); err != nil {
			s.Fatal(err)
		}
		return
	}
	s.rulesText("apiVersion: config.mirrorball.dev/v1\nkind: Rules\nrules:\n- " +
		strings.Join(append(list, markers), "\n- ") + "\n")
}

func (s *scene) labelNamespace(namespace, key, value string) {
	s.Helper()
	s.editNamespace(namespace, func(n *corev1.Namespace) { n.Labels[key] = value })
}

func (s *scene) annotateNamespace(namespace, key, value string) {
	s.Helper()
	s.editNamespace(namespace, func(n *corev1.Namespace) { n.Annotations = map[string]string{key: value} })
}

func (s *scene) rulesText(text string) {
	s.Helper()
	if err := s.system.WriteRules(s.Context(), text); err != nil {
		s.Fatal(err)
	}
}

// carries waits until an object has exactly these of the labels and annotations that are asked for.
func (s *scene) carries(k kind, namespace, name string, asked []string, want ...string) {
	s.Helper()
	s.eventually(func() error {
		o, err := s.find(k, namespace, name)
		if err != nil {
			return err
		}
		var got []string
		for _, key := range asked {
			_, label := o.labels[key]
			_, annotation := o.annotations[key]
			if label || annotation {
				got = append(got, key)
			}
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s carries %q, want %q", o, got, want)
		}
		return nil
	})
}

// TestRules has one cluster and one controller, installed as deploy/ does: without rules of an operator.
func TestRules(t *testing.T) {
	s := installedScene(t)
	c := s.system.Controller(s, "--source-delete-grace=0s")
	for _, part := range []struct {
		title string
		test  func(s *scene, c *harness.Controller)
	}{
		{"attach", testRightToAttach},
		{"the built-in rules", testBuiltInRules},
		{"attach, as the namespace says", testConsentToAttaching},
		{"labels", testRightToLabels},
		{"labels of kubernetes-replicator's dialect", testLabelsOfReplicatorsDialect},
		{"push", testRightToPush},
		{"sources by label", testSourcesByLabel},
		{"unreadable", testUnreadableRules},
	} {
		t.Run(part.title, func(t *testing.T) {
			s := s.part(t)
			s.rules()
			part.test(s, c)
			s.rules()
		})
	}
}

// testBuiltInRules: what the peers' users and the README's begin with works without a rule.
func testBuiltInRules(s *scene, _ *harness.Controller) {
	from, to := s.namespace("from"), s.namespace("to")
	native := s.create(pushed(secret, from, s.token(), to))
	reflected := pushed(configMap, from, s.token()+"-reflector", "")
	reflected.annotations = annotated(allowed, "true", auto, "true", autoIn, to)
	reflected = s.create(reflected)
	replicated := replicate(secret, from, s.token()+"-replicator", "replicate-to", to)
	replicated.labels = map[string]string{"team": "x", "app.kubernetes.io/name": "y"}
	replicated = s.create(replicated)
	for _, source := range []object{native, reflected, replicated} {
		s.reaches(source, to)
	}
	s.carries(secret, to, replicated.name, prefixedKeys, "app.kubernetes.io/name", "team")
	s.expectNoWarning(native, reflected, replicated)
}

// testRightToAttach: a tenant's pull secret is named in nobody's ServiceAccounts unless a rule says so.
func testRightToAttach(s *scene, _ *harness.Controller) {
	from, to := s.namespace("tenant"), s.namespace("to-platform")
	s.account(to, "build")
	source := s.tenant(from).create(credentials(from, s.token(), s.ns("to-*"), "*"))
	s.replicated(source, to)
	later := s.namespace("to-later")
	s.replicated(source, later)
	s.system.CatchUp(s)
	s.pullSecrets(to, "build")
	s.pullSecrets(later, "default")
	s.expectEvent(source, "Barred", "[attach]", to, harness.Namespace+"/"+harness.RulesConfigMap, "accept-attach-from")

	own := credentials(harness.Namespace, s.token()+"-own", s.ns("to-*"), "build")
	s.create(own)
	s.pullSecrets(to, "build", own.name)

	s.rules(`{sources: ["*"], targets: ["*"], allow: [push]}`,
		fmt.Sprintf(`{sources: [%q], targets: [%q], allow: [attach]}`, from, to))
	s.pullSecrets(to, "build", source.name)
	s.system.CatchUp(s)
	s.pullSecrets(later, "default")
	s.rules()
	s.pullSecrets(to, "build", own.name)
	s.replicated(source, to)
}

func testConsentToAttaching(s *scene, _ *harness.Controller) {
	from, to := s.namespace("tenant"), s.namespace("to")
	accept := func(patterns string) {
		s.Helper()
		s.annotateNamespace(to, native+"accept-attach-from", patterns)
	}
	s.account(to, "build")
	source := s.tenant(from).create(credentials(from, s.token(), to, "build"))
	s.expectEvent(source, "Barred", "[attach]", to)
	accept("nobody, " + from)
	s.pullSecrets(to, "build", source.name)
	accept("not/a/pattern")
	s.expectEvent(source, "NamespaceUnreadable", to, "accept-attach-from")
	s.system.CatchUp(s)
	s.pullSecrets(to, "build", source.name)
	accept("")
	s.pullSecrets(to, "build")
}

// prefixedKeys are what other controllers take configuration from, and what is everybody's.
var prefixedKeys = []string{
	"app.kubernetes.io/name", "argocd.argoproj.io/secret-type", "example.com/note", "istio/multiCluster", "team",
}

// testRightToLabels: a tenant's Secret does not become the configuration of Argo CD or Istio.
func testRightToLabels(s *scene, _ *harness.Controller) {
	from, to := s.namespace("tenant"), s.namespace("argocd")
	source := pushed(secret, from, s.token(), to)
	source.labels = map[string]string{
		"argocd.argoproj.io/secret-type": "cluster", "istio/multiCluster": "true", "app.kubernetes.io/name": "x", "team": "y",
	}
	maps.Copy(source.annotations, map[string]string{
		"example.com/note": "z", native + "copy-annotations": "*",
		native + "copy-labels": "argocd.argoproj.io/secret-type, istio/*, app.kubernetes.io/name, team",
	})
	source = s.tenant(from).create(source)
	plain := []string{"app.kubernetes.io/name", "team"}
	s.replicated(source, to)
	s.system.CatchUp(s)
	s.carries(secret, to, source.name, prefixedKeys, plain...)
	s.expectEvent(source, "Barred", "[labels]", "argocd.argoproj.io/secret-type", "istio/multiCluster",
		"example.com/note", to)

	s.rules(`{sources: ["*"], targets: ["*"], allow: [push]}`,
		fmt.Sprintf(`{sources: [%q], targets: ["*"], allow: [labels]}`, from))
	s.carries(secret, to, source.name, prefixedKeys, prefixedKeys...)
	s.rules()
	s.carries(secret, to, source.name, prefixedKeys, plain...)
	s.expectNoWrites(to)
}

func testLabelsOfReplicatorsDialect(s *scene, _ *harness.Controller) {
	from, to := s.namespace("tenant"), s.namespace("argocd")
	source := replicate(secret, from, s.token(), "replicate-to", to)
	source.labels = map[string]string{"istio/multiCluster": "true", "team": "y"}
	source = s.tenant(from).create(source)
	s.replicated(source, to)
	s.expectEvent(source, "Barred", "[labels]", "istio/multiCluster")
	s.carries(secret, to, source.name, prefixedKeys, "team")
}

// testRightToPush: what stands where pushing is not allowed any more is removed, and an event has the reason.
func testRightToPush(s *scene, _ *harness.Controller) {
	from, platform, to, open := s.namespace("tenant"), s.namespace("platform"), s.namespace("to"), s.namespace("to-open")
	tenant := s.tenant(from).create(pushed(secret, from, s.token(), s.ns("to*")))
	s.reaches(tenant, to, open)
	rival := s.create(pushed(secret, platform, tenant.name, to))
	s.expectEvent(rival, "Conflict", to)

	s.rules(fmt.Sprintf(`{sources: [%q], targets: ["*"], allow: [push]}`, platform),
		fmt.Sprintf(`{sources: ["*"], targets: [%q], allow: [push]}`, open))
	s.replicated(rival, to) // its elder may not go there
	s.reaches(tenant, open)
	s.expectEvent(tenant, "Barred", "[push]", to, harness.Namespace+"/"+harness.RulesConfigMap)
	s.rules()
	s.delete(rival)
	s.reaches(tenant, to, open)

	// Pulling needs no rule.
	s.rules(`{sources: [nobody], targets: ["*"], allow: [push]}`)
	pullable := pushed(secret, from, s.token()+"-pull", "")
	pullable.annotations = map[string]string{native + "pull-by": to}
	pullable = s.create(pullable)
	puller := s.create(object{
		kind: secret, namespace: to, name: "pulling",
		annotations: map[string]string{native + "pull-from": from + "/" + pullable.name},
	})
	s.pulled(pullable, puller)
	s.reaches(tenant)
}

func testSourcesByLabel(s *scene, _ *harness.Controller) {
	from, to := s.namespace("tenant"), s.namespace("to")
	s.rules(fmt.Sprintf(`{sourcesSelector: tier=gold, targets: [%q], allow: [push]}`, to))
	source := s.tenant(from).create(pushed(secret, from, s.token(), to))
	s.expectEvent(source, "Barred", "[push]", to)
	s.labelNamespace(from, "tier", "gold")
	s.reaches(source, to)
	s.labelNamespace(from, "tier", "silver")
	s.reaches(source)
}

// testUnreadableRules: the last readable rules stay in force, and a process that has none does not start.
func testUnreadableRules(s *scene, c *harness.Controller) {
	from, to, later := s.namespace("tenant"), s.namespace("to"), s.namespace("to-later")
	s.rules(fmt.Sprintf(`{sources: [%q], targets: [%q], allow: [push]}`, from, to))
	source := s.tenant(from).create(pushed(secret, from, s.token(), s.ns("to*")))
	s.reaches(source, to)
	cm := s.get(configMap, harness.Namespace, harness.RulesConfigMap)
	inForce := fmt.Sprintf("[+]rules ok: ConfigMap %s/%s, resourceVersion %s", cm.namespace, cm.name, cm.version)
	s.serves(c, "/readyz?verbose", inForce)
	s.serves(c, "/metrics", "mirrorball_rules_readable 1")

	s.rules(`{sources: ["*"], targets: ["*"], alow: [push]}`)
	cm = s.get(configMap, harness.Namespace, harness.RulesConfigMap)
	s.expectEvent(cm, "RulesUnreadable", `rules[0]: the field "alow" is unknown`, "in force: ConfigMap")
	s.serves(c, "/metrics", "mirrorball_rules_readable 0")
	s.serves(c, "/readyz?verbose", inForce+"; resourceVersion "+cm.version+" is unreadable", "readyz check passed")
	s.expectEvent(source, "Barred", "[push]", later)
	s.reaches(source, to)

	code, output := s.startFails()
	for _, part := range []string{cm.namespace + "/" + cm.name, `the field "alow" is unknown`, "allow"} {
		if code != 2 || !strings.Contains(output, part) {
			s.Errorf("a start with unreadable rules ends with code %d, want 2 and %q:\n%s", code, part, output)
		}
	}

	s.rules()
	s.serves(c, "/readyz?verbose", "[+]rules ok: built-in")
	s.serves(c, "/metrics", "mirrorball_rules_readable 1")
	s.reaches(source, to, later)
}

// startFails starts another process, which has to end by itself, and returns its exit code and output.
func (s *scene) startFails() (code int, output string) {
	s.Helper()
	kubeconfig, err := s.system.ControllerKubeconfig(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	text, err := exec.CommandContext(s.Context(), s.system.Mirrorball(), "run", "--kubeconfig", kubeconfig,
		"--namespace", harness.Namespace, "--http-address", "127.0.0.1:0", "--leader-elect").CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), string(text)
	}
	s.Fatalf("it ended with %v: %s", err, text)
	return 0, ""
}
