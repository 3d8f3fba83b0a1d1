package e2e

import (
	"fmt"
	"maps"
	"os/exec"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// kubectl runs it as the administrator.
func (s *scene) kubectl(args ...string) string {
	s.Helper()
	args = append([]string{"--kubeconfig", s.system.Kubeconfig}, args...)
	command := exec.CommandContext(s.Context(), s.system.Kubectl(), args...)
	output, err := command.CombinedOutput()
	if err != nil {
		s.Fatalf("kubectl %q: %v: %s", args, err, output)
	}
	return string(output)
}

// recreate rotates as the CronJob of deploy/examples/rotation.yaml does: nothing of the old Secret is in the new one.
func (s *scene) recreate(source object, value string) object {
	s.Helper()
	s.kubectl("-n", source.namespace, "delete", "secret", source.name, "--ignore-not-found")
	s.kubectl("-n", source.namespace, "create", "secret", "docker-registry", source.name,
		"--docker-server=registry.example.com", "--docker-username=ada", "--docker-password="+value)
	return s.get(secret, source.namespace, source.name)
}

// surviving are credentials that survive their recreation, under a policy in any dialect.
func surviving(namespace, name string, policy map[string]string) object {
	o := credentials(namespace, name, "", "default")
	delete(o.annotations, native+"push-to")
	maps.Copy(o.annotations, policy)
	o.annotations[native+"survives-recreation"] = "true"
	return o
}

// pushDialects are policies that push into a namespace, and let it pull.
var pushDialects = map[string]func(namespace string) map[string]string{
	"native": func(namespace string) map[string]string {
		return map[string]string{native + "push-to": namespace, native + "pull-by": namespace}
	},
	"Reflector": func(namespace string) map[string]string {
		return annotated(allowed, "true", allowedIn, namespace, auto, "true")
	},
	"kubernetes-replicator": func(namespace string) map[string]string {
		return annotated(replicator+"replicate-to", namespace, replicator+"replication-allowed", "true",
			replicator+"replication-allowed-namespaces", namespace)
	},
}

// recreation is a test of a source that is made again before the grace ends. What it returns, if anything, is the part
// that comes after the end; it is given a scene with the same namespaces.
type recreation func(s *scene) (after func(s *scene))

// TestRecreation has a controller whose grace is long, so that no slow machine outlasts it, and then one whose grace
// ends.
func TestRecreation(t *testing.T) {
	shared := ownScene(t)
	long := shared.system.Controller(shared, "--source-delete-grace=1h")
	tests := map[string]recreation{}
	for dialect, policy := range pushDialects {
		tests["rotated again and again, "+dialect] = func(s *scene) func(*scene) { return rotatedAgainAndAgain(s, policy) }
	}
	for _, k := range []kind{secret, configMap} {
		tests["survives, "+string(k)] = func(s *scene) func(*scene) { return survives(s, k) }
		tests["without its annotations, "+string(k)] = func(s *scene) func(*scene) { return withoutAnnotations(s, k) }
	}
	for title, tc := range withoutConsent {
		tests["no consent, "+title] = tc.test
	}
	for _, survives := range []string{"true", "false"} {
		tests["forged policies, survives-recreation "+survives] = func(s *scene) func(*scene) { return forged(s, survives) }
	}

	type after struct {
		prefix string
		test   func(*scene)
	}
	var mu sync.Mutex
	afters := map[string]after{}
	t.Run("before the grace ends", func(t *testing.T) {
		for title, test := range tests {
			t.Run(title, func(t *testing.T) {
				t.Parallel()
				s := shared.part(t)
				if afterwards := test(s); afterwards != nil {
					mu.Lock()
					defer mu.Unlock()
					afters[title] = after{s.prefix, afterwards}
				}
			})
		}
	})
	shared.stop(long)
	shared.system.Controller(shared, "--source-delete-grace="+grace.String())
	t.Run("after its end", func(t *testing.T) {
		for title, after := range afters {
			t.Run(title, func(t *testing.T) {
				t.Parallel()
				after.test(&scene{TB: t, system: shared.system, prefix: after.prefix})
			})
		}
	})
}

func rotatedAgainAndAgain(s *scene, policy func(namespace string) map[string]string) func(*scene) {
	from, to := s.namespace("from"), s.namespace("to")
	source := s.create(surviving(from, "ecr-credentials", policy(to)))
	annotations := source.annotations
	first := s.replicated(source, to)
	puller := s.create(object{
		namespace: to, name: "pulling", typ: source.typ, data: source.data,
		annotations: map[string]string{native + "pull-from": from + "/ecr-credentials"},
	})
	followed := s.pulled(source, puller)
	s.pullSecrets(to, "default", "ecr-credentials")
	s.system.CatchUp(s)
	var last, lastPulled object
	for rotation := range 4 {
		source = s.recreate(source, fmt.Sprint("token-", rotation))
		last, lastPulled = s.replicated(source, to), s.pulled(source, puller)
		now := s.get(secret, from, source.name)
		if diff := cmp.Diff(annotations, now.annotations); diff != "" {
			s.Errorf("the source's annotations (-want +got):\n%s", diff)
		}
		s.pullSecrets(to, "default", "ecr-credentials")
	}
	s.neverAbsent(first, last)
	s.neverAbsent(followed, lastPulled)
	s.unmoved(nil, from, to)
	s.expectNoWarning(source)
	return nil
}

func survives(s *scene, k kind) func(*scene) {
	from, to := s.namespace("from"), s.namespace("to")
	source := pushed(k, from, s.token(), to)
	source.annotations[native+"survives-recreation"] = "true"
	source = s.create(source)
	first := s.replicated(source, to)
	s.system.CatchUp(s) // the policy is recorded
	s.delete(source)
	bare := s.create(object{
		kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "two"},
		annotations: map[string]string{"example.com/note": "by another tool"},
	})
	second := s.replicated(bare, to)
	s.neverAbsent(first, second)
	now := s.get(k, from, s.token())
	want := map[string]string{
		native + "push-to": to, native + "survives-recreation": "true", "example.com/note": "by another tool",
	}
	if diff := cmp.Diff(want, now.annotations); diff != "" {
		s.Errorf("the source's annotations (-want +got):\n%s", diff)
	}
	// It is the old policy in every respect: once it does not survive, the replicas go with it.
	s.annotate(now, native+"survives-recreation", "false")
	s.unannotate(now, native+"push-to", native+"survives-recreation")
	s.gone(k, to, s.token())
	return nil
}

func withoutAnnotations(s *scene, k kind) func(*scene) {
	from, to := s.namespace("from"), s.namespace("to")
	source := s.create(pushed(k, from, s.token(), to))
	replica := s.replicated(source, to)
	s.delete(source)
	bare := s.create(object{kind: k, namespace: from, name: s.token(), data: map[string]string{"token": "two"}})
	s.expectEvent(bare, "Recreated", native+"survives-recreation")
	s.untouched(replica)
	return func(s *scene) {
		s.gone(k, to, s.token())
		s.untouched(bare)
	}
}

// noConsent is a Secret that is made again, and what the Warning says of why its replicas do not follow.
type noConsent struct {
	annotations map[string]string
	recreated   object
	says        string
}

var withoutConsent = map[string]noConsent{
	"no survives-recreation": {
		annotations: map[string]string{},
		recreated:   object{typ: corev1.SecretTypeOpaque, data: map[string]string{"token": "new"}},
		says:        native + "survives-recreation",
	},
	"survives-recreation false": {
		annotations: annotated(native+"survives-recreation", "false"),
		recreated:   object{typ: corev1.SecretTypeOpaque, data: map[string]string{"token": "new"}},
		says:        native + "survives-recreation",
	},
	"another type": {
		annotations: annotated(native+"survives-recreation", "true"),
		recreated: object{
			typ: corev1.SecretTypeBasicAuth, data: map[string]string{"username": "new", "password": "new"},
		},
		says: "type",
	},
}

// test shows that nothing of the new Secret leaves its namespace, and that the replicas go when the grace ends.
func (tc noConsent) test(s *scene) func(*scene) {
	from, to := s.namespace("from"), s.namespace("to")
	source := pushed(secret, from, "token", to)
	maps.Copy(source.annotations, tc.annotations)
	source = s.create(source)
	replica := s.replicated(source, to)
	s.system.CatchUp(s)
	s.delete(source)
	recreated := tc.recreated
	recreated.namespace, recreated.name = from, "token"
	bare := s.create(recreated)
	s.expectEvent(bare, "Recreated", tc.says)
	return func(s *scene) {
		for _, content := range s.until(replica) {
			if diff := cmp.Diff(map[string]string{"token": "b25l"}, content); diff != "" {
				s.Errorf("the replica's data changed (-want +got):\n%s", diff)
			}
		}
		s.absent(secret, to, "token")
		s.untouched(bare)
	}
}

// forged shows that who can write in a target namespace, and forge what stands there, widens no policy and brings none
// back.
func forged(s *scene, survives string) func(*scene) {
	from, to, barred := s.namespace("from"), s.namespace("to"), s.namespace("barred")
	source := pushed(secret, from, "token", to)
	source.annotations[native+"survives-recreation"] = survives
	source = s.create(source)
	first := s.replicated(source, to)
	wide := annotated(native+"push-to", "*", native+"survives-recreation", "true")
	s.edit(first, func(o *object) { maps.Copy(o.annotations, wide) })
	forgery := s.create(object{
		namespace: barred, name: "forged", data: map[string]string{"token": "none"}, annotations: maps.Clone(wide),
		labels: map[string]string{
			native + "replica": "pull", native + "source-namespace": from, native + "source-name": "token",
		},
	})
	s.system.CatchUp(s)
	s.delete(source)
	s.create(object{
		kind: configMap, namespace: to, name: "policy", labels: map[string]string{native + "record": "policy"},
		data: map[string]string{
			"kind": "Secret", "namespace": from, "name": "token", "uid": string(source.uid), "type": "Opaque",
			"annotations": fmt.Sprintf(`{"%[1]spush-to":"*","%[1]ssurvives-recreation":"true"}`, native),
		},
	})
	s.system.CatchUp(s)
	bare := s.create(object{namespace: from, name: "token", data: map[string]string{"token": "two"}})
	if survives == "true" {
		s.replicated(bare, to)
		now := s.get(secret, from, "token")
		if diff := cmp.Diff(source.annotations, now.annotations); diff != "" {
			s.Errorf("the policy that was written back (-want +got):\n%s", diff)
		}
	}
	s.absent(secret, barred, "token")
	s.untouched(forgery)
	return func(s *scene) {
		if survives != "true" {
			s.gone(secret, to, "token")
			s.untouched(bare)
		}
		s.absent(secret, barred, "token")
		s.untouched(forgery)
	}
}

func TestRotationWithoutController(t *testing.T) {
	s := ownScene(t)
	c := s.system.Controller(s, "--source-delete-grace=1h")
	from, to := s.namespace("from"), s.namespace("to")
	var sources, firsts []object
	for title, policy := range pushDialects {
		name := "credentials-" + fmt.Sprint(len(title))
		sources = append(sources, s.create(surviving(from, name, policy(to))))
	}
	for _, source := range sources {
		firsts = append(firsts, s.replicated(source, to))
	}
	s.system.CatchUp(s)
	kill := func() {
		s.Helper()
		if err := c.Kill(); err != nil {
			s.Fatal(err)
		}
	}
	for round, way := range []struct{ afterDelete, beforeCreate, afterCreate func() }{
		{kill, func() { s.start(c) }, func() {}},
		{func() { s.stop(c) }, func() {}, func() { s.start(c) }},
		{func() { s.system.CatchUp(s); kill() }, func() {}, func() { s.start(c) }},
		{func() { s.stop(c) }, func() { s.start(c); s.system.CatchUp(s) }, func() {}},
	} {
		for _, source := range sources {
			s.delete(source)
		}
		way.afterDelete()
		way.beforeCreate()
		for i, source := range sources {
			sources[i] = s.recreate(source, fmt.Sprint("token-", round))
		}
		way.afterCreate()
		for i, source := range sources {
			s.neverAbsent(firsts[i], s.replicated(source, to))
			now := s.get(secret, from, source.name)
			if now.annotations[native+"survives-recreation"] != "true" {
				t.Errorf("round %d: the policy is not written back: %v", round, now.annotations)
			}
		}
		s.system.CatchUp(s)
	}
}

// until follows a replica from a version of it until it is gone, and returns each content that it had.
func (s *scene) until(gone object) (contents []map[string]string) {
	s.Helper()
	events := s.watch(gone)
	defer events.Stop()
	for {
		event := s.nextEvent(events, fmt.Sprint(gone, " is still there"))
		o, ok := event.Object.(*unstructured.Unstructured)
		if !ok {
			s.Fatalf("%s: a watch says %s", gone, event.Type)
		}
		data, _, err := unstructured.NestedStringMap(o.Object, "data")
		if err != nil {
			s.Fatal(err)
		}
		contents = append(contents, data)
		if event.Type == watch.Deleted {
			return contents
		}
	}
}

func TestRecreationAfterTheGrace(t *testing.T) {
	s := newScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	source := pushed(secret, from, "token", to)
	source.annotations[native+"survives-recreation"] = "true"
	source = s.create(source)
	s.replicated(source, to)
	s.system.CatchUp(s)
	s.delete(source)
	s.gone(secret, to, "token")
	s.system.CatchUp(s)
	bare := s.create(object{namespace: from, name: "token", data: map[string]string{"token": "two"}})
	s.absent(secret, to, "token")
	s.untouched(bare)
}

// Policies are recorded in Mirrorball's own namespace, for as long as they are needed.
func TestPolicyRecord(t *testing.T) {
	s := newScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	remembered := func(want int) {
		s.Helper()
		s.eventually(func() error {
			list, err := s.system.Client.CoreV1().ConfigMaps(harness.Namespace).
				List(s.Context(), metav1.ListOptions{LabelSelector: native + "record"})
			if err != nil {
				return err
			}
			count := 0
			for _, record := range list.Items {
				if record.Data["namespace"] == from {
					count++
				}
			}
			if count != want {
				return fmt.Errorf("%d policies are remembered, not %d", count, want)
			}
			return nil
		})
	}
	source := s.create(pushed(secret, from, "token", to))
	s.replicated(source, to)
	s.system.CatchUp(s)
	remembered(0)
	for _, pair := range [][2]string{{"survives-recreation", "true"}, {"on-delete", "keep"}} {
		source = s.annotate(source, native+pair[0], pair[1])
		remembered(1)
		source = s.unannotate(source, native+pair[0])
		remembered(0)
	}
	source = s.annotate(source, native+"survives-recreation", "true")
	remembered(1)
	s.delete(source)
	s.gone(secret, to, "token")
	remembered(0)
}
