package e2e

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
)

// licensed labels the namespaces in which the policy is in force: other tests share the cluster.
const licensed = "licensed"

// installLicence puts the policy in force in the namespaces that are labelled. A component of the harness would put it
// in force in all.
func installLicence(t *testing.T, s *scene) *admissionv1.ValidatingAdmissionPolicyBinding {
	t.Helper()
	var policy admissionv1.ValidatingAdmissionPolicy
	var binding admissionv1.ValidatingAdmissionPolicyBinding
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "deploy", "kustomize", "components", "licence", "licence.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	first, second, _ := strings.Cut(string(text), "\n---\n")
	err = errors.Join(yaml.UnmarshalStrict([]byte(first), &policy), yaml.UnmarshalStrict([]byte(second), &binding))
	if err != nil {
		t.Fatal(err)
	}
	binding.Spec.MatchResources = &admissionv1.MatchResources{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{licensed: s.prefix}},
	}
	client := s.system.Client.AdmissionregistrationV1()
	if _, err := client.ValidatingAdmissionPolicies().Create(t.Context(), &policy, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	made, err := client.ValidatingAdmissionPolicyBindings().Create(t.Context(), &binding, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// licence gives a tenant rights on mirrors in its namespace, or in all.
func (t *tenant) licence(namespace string, everywhere bool, verbs ...string) {
	t.Helper()
	meta := metav1.ObjectMeta{Namespace: namespace, Name: namespace + "-licence"}
	rules := []rbacv1.PolicyRule{{APIGroups: []string{"mirrorball.dev"}, Resources: []string{"mirrors"}, Verbs: verbs}}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "tenant"}}
	rights, ctx, opts := t.system.Client.RbacV1(), t.Context(), metav1.CreateOptions{}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: meta.Name}, Rules: rules}
	_, err := rights.ClusterRoles().Create(ctx, role, opts)
	if err != nil {
		t.Fatal(err)
	}
	if everywhere {
		_, err = rights.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: meta.Name}, RoleRef: ref, Subjects: subjects,
		}, opts)
	} else {
		_, err = rights.RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: meta, RoleRef: ref, Subjects: subjects,
		}, opts)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// tries returns what the API server says to an object of the tenant's, which it does not keep.
func (t *tenant) tries(o object) error {
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	var err error
	if o.kind == configMap {
		_, err = t.client.CoreV1().ConfigMaps(o.namespace).Create(t.Context(), o.configMap(), dry)
	} else {
		_, err = t.client.CoreV1().Secrets(o.namespace).Create(t.Context(), o.secret(), dry)
	}
	return err
}

// TestLicence: who writes annotations that push needs a right of RBAC for it, where the policy is installed.
func TestLicence(t *testing.T) {
	s := newScene(t)
	binding := installLicence(t, s)
	tenants := map[string]*tenant{}
	namespaces := map[string]string{}
	for name, rights := range map[string]struct {
		everywhere bool
		verbs      []string
	}{
		"nothing": {}, "push": {false, []string{"push"}}, "all": {false, []string{"push", "attach", "labels"}},
		"push everywhere": {true, []string{"push"}}, "all everywhere": {true, []string{"push", "attach", "labels"}},
	} {
		namespace := s.namespace(strings.ReplaceAll(name, " ", "-"), licensed, s.prefix)
		tenants[name], namespaces[name] = s.tenant(namespace), namespace
		if len(rights.verbs) > 0 {
			tenants[name].licence(namespace, rights.everywhere, rights.verbs...)
		}
	}
	// The policy, the namespaces' labels and the rights reach the API server's caches one after the other.
	s.eventually(func() error {
		pushing := object{name: s.token(), annotations: map[string]string{native + "push-to": "a"}}
		for name, tenant := range tenants {
			pushing.namespace = namespaces[name]
			if err := tenant.tries(pushing); (name == "nothing") != apierrors.IsForbidden(err) {
				return fmt.Errorf("the tenant with the right to %s: %w", name, errors.Join(errors.New("not yet"), err))
			}
		}
		return nil
	})
	const allowed, list = "reflection-allowed", "reflection-auto-namespaces"
	const selector = list + "-selector"
	reflecting := func(more ...string) map[string]string {
		notes := map[string]string{reflector + allowed: "true", reflector + "reflection-auto-enabled": " True "}
		for i := 0; i < len(more); i += 2 {
			notes[reflector+more[i]] = more[i+1]
		}
		return notes
	}
	pushing := func(more ...string) map[string]string {
		notes := map[string]string{native + "push-to": "a,b"}
		for i := 0; i < len(more); i += 2 {
			notes[native+more[i]] = more[i+1]
		}
		return notes
	}
	// What a row asks for is who may write it.
	const anybody = "nothing,push,all,push everywhere,all everywhere"
	const push, pushBroad = "push,all,push everywhere,all everywhere", "push everywhere,all everywhere"
	const all, allBroad = "all,all everywhere", "all everywhere"
	for title, row := range map[string]struct {
		annotations map[string]string
		may         string
	}{
		"no annotation":                 {nil, anybody},
		"an annotation that pulls":      {map[string]string{native + "pull-by": "*"}, anybody},
		"names":                         {pushing(), push},
		"a pattern":                     {pushing("push-to", "team-*"), pushBroad},
		"a selector":                    {pushing("push-to-selector", "a=b"), pushBroad},
		"labels without a prefix":       {pushing("copy-labels", "team,tier"), push},
		"a label with a prefix":         {pushing("copy-labels", "example.com/team"), all},
		"a pattern of annotations":      {pushing("copy-annotations", "*"), all},
		"labels, to a pattern":          {pushing("push-to", "*", "copy-labels", "a/b"), allBroad},
		"attaching":                     {pushing("attach-to-service-accounts", "default"), all},
		"attaching, to a selector":      {pushing("push-to-selector", "a", "attach-to-service-accounts", "x"), allBroad},
		"attaching without pushing":     {map[string]string{native + "attach-to-service-accounts": "x"}, anybody},
		"Reflector, names":              {reflecting(list, "production, staging"), push},
		"Reflector, an expression":      {reflecting(list, "team-.*"), pushBroad},
		"Reflector, allowed names":      {reflecting("reflection-allowed-namespaces", "production"), push},
		"Reflector, everywhere":         {reflecting(), pushBroad},
		"Reflector, a blank list":       {reflecting(list, " "), pushBroad},
		"Reflector, a selector":         {reflecting(list, "production", selector, "a=b"), pushBroad},
		"Reflector, not allowed":        {reflecting(allowed, "no"), anybody},
		"Reflector, not automatic":      {map[string]string{reflector + allowed: "true"}, anybody},
		"kubernetes-replicator, names":  {map[string]string{replicator + "replicate-to": "a,b"}, push},
		"kubernetes-replicator, dots":   {map[string]string{replicator + "replicate-to": "a.b"}, pushBroad},
		"kubernetes-replicator, labels": {map[string]string{replicator + "replicate-to-matching": "a=b"}, pushBroad},
	} {
		t.Run(title, func(t *testing.T) {
			for _, k := range []kind{secret, configMap} {
				for name, tenant := range tenants {
					err := tenant.tries(object{
						kind: k, namespace: namespaces[name], name: s.token(), annotations: row.annotations,
					})
					may := contains(row.may, name)
					switch {
					case may && err != nil:
						t.Errorf("%s, with the right to %s: %v", k, name, err)
					case !may && !apierrors.IsForbidden(err):
						t.Errorf("%s, with the right to %s: %v, want it to be forbidden", k, name, err)
					case !may && !strings.Contains(err.Error(), "on mirrors.mirrorball.dev in "):
						t.Errorf("%s: the refusal does not say what is missing: %v", k, err)
					}
				}
			}
		})
	}
	t.Run("a change", func(t *testing.T) { testLicenceOfChange(s.part(t), tenants["nothing"], namespaces["nothing"]) })
	t.Run("a source that is made again", func(t *testing.T) {
		testLicenceOfRestored(s.part(t), tenants["nothing"], namespaces["nothing"])
	})
	t.Run("the audit", func(t *testing.T) {
		s, namespace := s.part(t), namespaces["nothing"]
		s.create(object{namespace: namespace, name: s.token(), annotations: pushing("push-to", s.ns("nowhere"))})
		args := []string{"audit", "--licence", "-n", namespace, "--fail-on", "Unlicensed"}
		// Another tenant has the right in all namespaces, so that somebody may write this source.
		s.expectSays(0, args, namespace+"/"+s.token())
	})
	t.Run("a warning", func(t *testing.T) { testLicenceWarning(t, s, binding, namespaces["nothing"]) })
}

func contains(list, name string) bool {
	return strings.Contains(","+list+",", ","+name+",")
}

// testLicenceOfChange: a tenant without a right may change what an administrator has made, as long as it does not
// change where it goes.
func testLicenceOfChange(s *scene, t *tenant, namespace string) {
	s.Helper()
	source := s.create(object{
		namespace: namespace, name: s.token(), data: map[string]string{"a": "1"},
		annotations: map[string]string{native + "push-to": "nowhere", native + "on-delete": "keep"},
	})
	for title, row := range map[string]struct {
		change func(o *object)
		denied bool
	}{
		"its content":          {func(o *object) { o.data["a"] = "2" }, false},
		"its label":            {func(o *object) { o.labels = map[string]string{"a": "b"} }, false},
		"another annotation":   {func(o *object) { delete(o.annotations, native+"on-delete") }, false},
		"giving up pushing":    {func(o *object) { o.annotations = nil }, false},
		"its targets":          {func(o *object) { o.annotations[native+"push-to"] = "elsewhere" }, true},
		"the name of replicas": {func(o *object) { o.annotations[native+"target-name"] = "other" }, true},
		"another dialect":      {func(o *object) { o.annotations[replicator+"replicate-to"] = "a" }, true},
		"attaching":            {func(o *object) { o.annotations[native+"attach-to-service-accounts"] = "a" }, true},
		"copying labels":       {func(o *object) { o.annotations[native+"copy-labels"] = "a/b" }, true},
	} {
		changed := source
		changed.data, changed.annotations = maps.Clone(source.data), maps.Clone(source.annotations)
		row.change(&changed)
		_, err := t.client.CoreV1().Secrets(namespace).Update(s.Context(), changed.secret(),
			metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
		if row.denied != apierrors.IsForbidden(err) || !row.denied && err != nil {
			s.Errorf("%s: %v, want it to be forbidden: %t", title, err, row.denied)
		}
	}
}

// testLicenceOfRestored: Mirrorball writes the policy back onto a source that a tenant without a right makes again.
func testLicenceOfRestored(s *scene, t *tenant, namespace string) {
	s.Helper()
	target := s.namespace("target")
	source := object{namespace: namespace, name: s.token() + "-again", data: map[string]string{"a": "1"}}
	annotated := source
	annotated.annotations = map[string]string{native + "push-to": target, native + "survives-recreation": "true"}
	made := s.create(annotated)
	s.replicated(made, target)
	s.delete(made)
	t.create(source)
	s.eventually(func() error {
		o, err := s.find(secret, namespace, made.name)
		if err == nil && o.annotations[native+"push-to"] != target {
			err = errors.New("the policy is not written back")
		}
		return err
	})
}

// testLicenceWarning: with the mode Warn nothing is refused, and the client is told.
func testLicenceWarning(
	t *testing.T, s *scene, binding *admissionv1.ValidatingAdmissionPolicyBinding, namespace string,
) {
	t.Helper()
	binding.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn}
	_, err := s.system.Client.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().
		Update(t.Context(), binding, metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var warnings harness.Warnings
	config := rest.CopyConfig(s.system.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + namespace + ":tenant"}
	config.WarningHandler = &warnings
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	warned := &tenant{scene: s, client: client}
	s.eventually(func() error {
		return warned.tries(object{
			namespace: namespace, name: s.token(), annotations: map[string]string{native + "push-to": "a"},
		})
	})
	got := warnings.Take()
	if !strings.Contains(got, "the verb push on mirrors.mirrorball.dev in the namespace "+namespace) {
		t.Errorf("the warnings are %q", got)
	}
}
