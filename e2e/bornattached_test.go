package e2e

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// bornAttachedScene is a cluster with the two policies, whose rules let the sources in a namespace attach.
func bornAttachedScene(t *testing.T) (s *scene, from string) {
	t.Helper()
	s = sceneWith(t, harness.BornAttached, harness.BornAttachedPods)
	from = s.namespace("from")
	s.rules(`{sources: ["*"], targets: ["*"], allow: [push]}`,
		fmt.Sprintf(`{sources: [%q], targets: ["*"], allow: [attach]}`, from))
	return s, from
}

// attachesAtCreation waits until the API server would attach exactly these to a new ServiceAccount, called new.
func (s *scene) attachesAtCreation(namespace string, want ...string) {
	s.Helper()
	s.eventually(func() error {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "new"}}
		account, err := s.system.Client.CoreV1().ServiceAccounts(namespace).Create(s.Context(), account, metav1.CreateOptions{
			DryRun: []string{metav1.DryRunAll},
		})
		if err != nil {
			return err
		}
		return samePullSecrets(account, want)
	})
}

func samePullSecrets(account *corev1.ServiceAccount, want []string) error {
	sorted := []cmp.Option{cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b string) bool { return a < b })}
	if diff := cmp.Diff(want, pullSecretsOf(account), sorted...); diff != "" {
		return fmt.Errorf("the imagePullSecrets of %s/%s (-want +got):\n%s", account.Namespace, account.Name, diff)
	}
	return nil
}

// firstVersion creates a namespace, and returns its default ServiceAccount as it was created.
func (s *scene) firstVersion(suffix string, notes map[string]string, labels ...string) *corev1.ServiceAccount {
	s.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: s.ns(suffix), Annotations: notes, Labels: map[string]string{},
	}}
	for i := 0; i+1 < len(labels); i += 2 {
		namespace.Labels[labels[i]] = labels[i+1]
	}
	accounts := s.system.Client.CoreV1().ServiceAccounts(namespace.Name)
	list, err := accounts.List(s.Context(), metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	changes, err := accounts.Watch(s.Context(), metav1.ListOptions{
		FieldSelector: "metadata.name=default", ResourceVersion: list.ResourceVersion,
	})
	if err != nil {
		s.Fatal(err)
	}
	defer changes.Stop()
	if _, err := s.system.Client.CoreV1().Namespaces().Create(s.Context(), namespace, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	select {
	case change := <-changes.ResultChan():
		account, ok := change.Object.(*corev1.ServiceAccount)
		if !ok || change.Type != watch.Added {
			s.Fatalf("the first change of the default ServiceAccount is %s of a %T", change.Type, change.Object)
		}
		return account
	case <-s.Context().Done():
		s.Fatal(s.Context().Err())
	}
	return nil
}

// born checks which entries a ServiceAccount has, and what Mirrorball remembers of them.
func (s *scene) born(account *corev1.ServiceAccount, memory string, secrets ...string) {
	s.Helper()
	if err := samePullSecrets(account, secrets); err != nil {
		s.Error(err)
	}
	if got := account.Annotations[native+"attached"]; got != memory {
		s.Errorf("%s/%s remembers %q, want %q", account.Namespace, account.Name, got, memory)
	}
}

// TestBornAttached: a ServiceAccount has its pull secrets from its first version on.
func TestBornAttached(t *testing.T) {
	s, from := bornAttachedScene(t)
	controller := s.system.Controller(t, "--born-attached=true", "--source-delete-grace=1s",
		"--protected-namespaces=kube-*,"+s.ns("protected"))
	tenant := s.namespace("tenant")
	source := s.create(credentials(from, "regcred", s.ns("*"), "default, new, build-*, !build-x"))
	labelled := credentials(from, "labelled", "x", "default, new")
	delete(labelled.annotations, native+"push-to")
	labelled.annotations[native+"push-to-selector"] = "tier in (web, db), !bare"
	labelled.annotations[native+"target-name"] = "by-label"
	s.create(labelled)
	s.create(credentials(tenant, "of-the-tenant", s.ns("*"), "*"))
	probe := s.namespace("probe", "tier", "web")
	s.attachesAtCreation(probe, "regcred", "by-label")
	memory, both := memories(from)
	s.bornInNamespaces(t, from)
	accounts := s.system.Client.CoreV1().ServiceAccounts(probe)
	for title, tc := range map[string]struct {
		name        string
		own         []string
		annotations map[string]string
		want        []string
		memory      string
	}{
		"with pull secrets of its own":  {"build-own", []string{"mine"}, nil, []string{"mine", "regcred"}, memory},
		"that names the replica itself": {"build-names", []string{"regcred"}, nil, []string{"regcred"}, ""},
		"with annotations":              {"build-notes", nil, map[string]string{"a": "b"}, []string{"regcred"}, memory},
		"with a memory already": {
			"build-copied", []string{"x"}, map[string]string{native + "attached": "x=a/b,regcred=c/d"},
			[]string{"x", "regcred"}, memory + ",x=a/b",
		},
		"that is taken away":    {"build-x", nil, nil, nil, ""},
		"that does not match":   {"other", nil, nil, nil, ""},
		"whose name is no name": {"xbuild-a", nil, nil, nil, ""},
	} {
		t.Run("an account "+title, func(t *testing.T) {
			account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: tc.name, Annotations: tc.annotations}}
			for _, secret := range tc.own {
				account.ImagePullSecrets = append(account.ImagePullSecrets, corev1.LocalObjectReference{Name: secret})
			}
			account, err := accounts.Create(t.Context(), account, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, pullSecretsOf(account), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("imagePullSecrets (-want +got):\n%s", diff)
			}
			if got := account.Annotations[native+"attached"]; got != tc.memory {
				t.Errorf("it remembers %q, want %q", got, tc.memory)
			}
		})
	}

	// What was attached at creation is taken away as anything else, and what others added stays.
	if err := controller.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.born(s.firstVersion("stopped", nil, "tier", "db"), both, "regcred", "by-label")
	if err := controller.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.replicated(source, s.ns("stopped"))
	s.unannotate(source, native+"attach-to-service-accounts")
	s.pullSecrets(s.ns("stopped"), "default", "by-label")
	s.pullSecrets(probe, "build-own", "mine")
	s.pullSecrets(probe, "build-names", "regcred")
	s.attachesAtCreation(probe, "by-label")
	account, err := s.system.Client.CoreV1().ServiceAccounts(s.ns("stopped")).Get(t.Context(), "default",
		metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.born(account, "by-label="+from+"/labelled", "by-label")
}

// memories are what Mirrorball remembers of the source regcred, and of that and the one that selects by label.
func memories(from string) (one, both string) {
	one = "regcred=" + from + "/regcred"
	return one, "by-label=" + from + "/labelled," + one
}

// bornInNamespaces creates namespaces of all sorts.
func (s *scene) bornInNamespaces(t *testing.T, from string) {
	t.Helper()
	memory, both := memories(from)
	accept := func(patterns string) map[string]string { return map[string]string{native + "accept-from": patterns} }
	for title, tc := range map[string]struct {
		suffix      string
		annotations map[string]string
		labels      []string
		memory      string
		want        []string
	}{
		"is selected by one":    {"one", nil, nil, memory, []string{"regcred"}},
		"is selected by two":    {"two", nil, []string{"tier", "web"}, both, []string{"regcred", "by-label"}},
		"has a label too many":  {"bare", nil, []string{"tier", "web", "bare", ""}, memory, []string{"regcred"}},
		"is protected":          {"protected", nil, []string{"tier", "web"}, "", nil},
		"accepts the source":    {"accepts", accept("x, " + from), nil, memory, []string{"regcred"}},
		"accepts a pattern":     {"pattern", accept(from[:len(from)-1] + "?"), nil, memory, []string{"regcred"}},
		"accepts all but it":    {"all-but", accept("*, ! " + from), nil, "", nil},
		"accepts others":        {"others", accept("others"), nil, "", nil},
		"accepts nobody":        {"nobody", accept(""), nil, "", nil},
		"accepts what can't be": {"broken", accept("^.*$"), nil, "", nil},
		"is paused":             {"paused", map[string]string{native + "paused": "true"}, nil, "", nil},
		"is not paused": {
			"going", map[string]string{native + "paused": "false"}, nil, memory, []string{"regcred"},
		},
		"is paused in other words": {"perhaps", map[string]string{native + "paused": "yes"}, nil, "", nil},
	} {
		t.Run("a namespace that "+title, func(t *testing.T) {
			p := &scene{TB: t, system: s.system, prefix: s.prefix}
			p.born(p.firstVersion(tc.suffix, tc.annotations, tc.labels...), tc.memory, tc.want...)
		})
	}
}

// TestBornAttachedPods: no Pod is admitted without the pull secret, however soon it comes after its namespace.
func TestBornAttachedPods(t *testing.T) {
	const times, parallel = 200, 8
	s, from := bornAttachedScene(t)
	controller := s.system.Controller(t, "--born-attached=true")
	s.create(credentials(from, "regcred", s.ns("*"), "default, new"))
	s.attachesAtCreation(s.namespace("probe"), "regcred")

	without := s.firstPods("with", times, parallel)
	if without != 0 {
		t.Errorf("%d of %d Pods were admitted without the pull secret", without, times)
	}
	s.ownPullSecrets()
	if err := controller.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if without := s.firstPods("stopped", times, parallel); without != 0 {
		t.Errorf("%d of %d Pods were admitted without the pull secret while the controller was stopped", without, times)
	}

	err := s.system.Client.AdmissionregistrationV1().MutatingAdmissionPolicyBindings().Delete(t.Context(),
		"mirrorball-born-attached", metav1.DeleteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.attachesAtCreation(s.ns("probe"))
	if err := controller.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("without the policy, %d of %d Pods were admitted without the pull secret", s.firstPods("none", times, parallel),
		times)
}

// firstPods creates namespaces, each with a Pod at once, and returns how many Pods do not name the pull secret.
func (s *scene) firstPods(suffix string, times, parallel int) int {
	s.Helper()
	var without, next atomic.Int64
	var workers sync.WaitGroup
	for range parallel {
		workers.Go(func() {
			for i := next.Add(1); i <= int64(times); i = next.Add(1) {
				pod, err := s.firstPod(s.ns(fmt.Sprintf("%s-%d", suffix, i)))
				if err != nil {
					s.Error(err)
					return
				}
				if !slices.Contains(pod.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: "regcred"}) {
					without.Add(1)
				}
			}
		})
	}
	workers.Wait()
	return int(without.Load())
}

// firstPod creates a namespace and a Pod in it, as soon as the API server takes it: it refuses Pods for as long as
// there is no ServiceAccount.
func (s *scene) firstPod(namespace string, secrets ...string) (*corev1.Pod, error) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if _, err := s.system.Client.CoreV1().Namespaces().Create(s.Context(), ns, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "first"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "registry.example.com/app"}}},
	}
	for _, secret := range secrets {
		pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: secret})
	}
	for {
		created, err := s.system.Client.CoreV1().Pods(namespace).Create(s.Context(), pod, metav1.CreateOptions{})
		if !apierrors.IsForbidden(err) {
			return created, err
		}
	}
}

// ownPullSecrets checks the Pods that bring pull secrets of their own.
func (s *scene) ownPullSecrets() {
	s.Helper()
	for title, tc := range map[string]struct{ own, want []string }{
		"other ones":         {[]string{"mine", "yours"}, []string{"mine", "yours", "regcred"}},
		"the replica itself": {[]string{"regcred", "mine"}, []string{"regcred", "mine"}},
	} {
		pod, err := s.firstPod(s.ns("own-"+fmt.Sprint(len(tc.want))), tc.own...)
		if err != nil {
			s.Fatal(err)
		}
		var got []string
		for _, reference := range pod.Spec.ImagePullSecrets {
			got = append(got, reference.Name)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			s.Errorf("a Pod with %s has the imagePullSecrets (-want +got):\n%s", title, diff)
		}
	}
}
