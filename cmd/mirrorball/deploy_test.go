package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

var deploy = filepath.Join("..", "..", "deploy")

// manifests are the objects of the files below a folder of deploy/, less the files of kustomize itself.
func manifests(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	err := filepath.WalkDir(filepath.Join(deploy, folder), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" || entry.Name() == "kustomization.yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4<<10)
		for {
			object := &unstructured.Unstructured{}
			switch err := decoder.Decode(&object.Object); {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				t.Fatalf("%s: %v", path, err)
			case object.Object != nil:
				objects = append(objects, object)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// only is the one object of a kind, read strictly: a misspelt field fails.
func only[T any](t *testing.T, objects []*unstructured.Unstructured, kind string) T {
	t.Helper()
	var found []T
	for _, object := range objects {
		if object.GetKind() != kind {
			continue
		}
		var typed T
		err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, &typed, true)
		if err != nil {
			t.Errorf("%s %s: %v", kind, object.GetName(), err)
		}
		found = append(found, typed)
	}
	if len(found) != 1 {
		t.Fatalf("there are %d %ss, want one", len(found), kind)
	}
	return found[0]
}

// TestBaseIsComplete: every manifest is part of the base.
func TestBaseIsComplete(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(deploy, "kustomize", "base", "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var kustomization struct{ Resources []string }
	if err := sigsyaml.Unmarshal(text, &kustomization); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(deploy, "kustomize", "base"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); name != "kustomization.yaml" && !slices.Contains(kustomization.Resources, name) {
			t.Errorf("%s is not in kustomization.yaml", name)
		}
	}
}

func TestBaseIsConsistent(t *testing.T) {
	objects := manifests(t, filepath.Join("kustomize", "base"))
	namespace := only[corev1.Namespace](t, objects, "Namespace").Name
	if namespace != fallbackNamespace {
		t.Errorf("the namespace is %s, and the program falls back on %s", namespace, fallbackNamespace)
	}
	clusterScoped := []string{"Namespace", "ClusterRole", "ClusterRoleBinding"}
	for _, object := range objects {
		want := namespace
		if slices.Contains(clusterScoped, object.GetKind()) {
			want = ""
		}
		if object.GetNamespace() != want {
			t.Errorf("%s %s is in namespace %q, want %q", object.GetKind(), object.GetName(), object.GetNamespace(), want)
		}
		if label := object.GetLabels()["app.kubernetes.io/name"]; label != "mirrorball" {
			t.Errorf("%s %s has the name label %q", object.GetKind(), object.GetName(), label)
		}
		// The mark of replicas, which must not stand on what is installed.
		if _, ok := object.GetLabels()["app.kubernetes.io/managed-by"]; ok {
			t.Errorf("%s %s has a managed-by label", object.GetKind(), object.GetName())
		}
	}

	account := only[corev1.ServiceAccount](t, objects, "ServiceAccount")
	subject := rbacv1.Subject{Kind: "ServiceAccount", Name: account.Name, Namespace: namespace}
	clusterBinding := only[rbacv1.ClusterRoleBinding](t, objects, "ClusterRoleBinding")
	binding := only[rbacv1.RoleBinding](t, objects, "RoleBinding")
	for name, subjects := range map[string][]rbacv1.Subject{
		"ClusterRoleBinding": clusterBinding.Subjects, "RoleBinding": binding.Subjects,
	} {
		if !slices.Equal(subjects, []rbacv1.Subject{subject}) {
			t.Errorf("the %s is for %v, want %v", name, subjects, subject)
		}
	}
	if got, want := clusterBinding.RoleRef.Name, only[rbacv1.ClusterRole](t, objects, "ClusterRole").Name; got != want {
		t.Errorf("the ClusterRoleBinding is of %s, want %s", got, want)
	}
	if got, want := binding.RoleRef.Name, only[rbacv1.Role](t, objects, "Role").Name; got != want {
		t.Errorf("the RoleBinding is of %s, want %s", got, want)
	}

	deployment := only[appsv1.Deployment](t, objects, "Deployment")
	labels := deployment.Spec.Template.Labels
	if got := deployment.Spec.Template.Spec.ServiceAccountName; got != account.Name {
		t.Errorf("the Deployment runs as %q, want %q", got, account.Name)
	}
	budget := only[policyv1.PodDisruptionBudget](t, objects, "PodDisruptionBudget")
	for name, selector := range map[string]map[string]string{
		"Deployment":          deployment.Spec.Selector.MatchLabels,
		"Service":             only[corev1.Service](t, objects, "Service").Spec.Selector,
		"PodDisruptionBudget": budget.Spec.Selector.MatchLabels,
	} {
		for key, value := range selector {
			if labels[key] != value {
				t.Errorf("the %s selects %s=%s, which the Pods do not have", name, key, value)
			}
		}
	}
}

// TestPermissionsOfBase: the manifests grant what `mirrorball rbac` prints.
func TestPermissionsOfBase(t *testing.T) {
	got := map[string]any{}
	for _, object := range manifests(t, filepath.Join("kustomize", "base")) {
		switch object.GetKind() {
		case "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding":
			got[object.GetKind()] = object.Object
		}
	}
	want := map[string]any{}
	for _, object := range printedObjects(t) {
		want[object.GetKind()] = object.Object
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mirrorball rbac prints -, deploy/kustomize/base has +:\n%s", diff)
	}
}

// TestDeploymentFlags: the Deployment uses flags that exist.
func TestDeploymentFlags(t *testing.T) {
	deployment := only[appsv1.Deployment](t, manifests(t, filepath.Join("kustomize", "base")), "Deployment")
	args := deployment.Spec.Template.Spec.Containers[0].Args
	if len(args) == 0 || args[0] != "run" {
		t.Fatalf("the container is given %q, want run first", args)
	}
	command := runCommand()
	if err := command.ParseFlags(args[1:]); err != nil {
		t.Fatalf("the container's flags: %v", err)
	}
	if arguments := command.Flags().Args(); len(arguments) > 0 {
		t.Errorf("the container is given %q besides flags", arguments)
	}
	address := command.Flags().Lookup("http-address").Value.String()
	port := deployment.Spec.Template.Spec.Containers[0].Ports[0]
	if want := fmt.Sprintf(":%d", port.ContainerPort); address != want {
		t.Errorf("the container serves at %s and declares port %s", address, want)
	}
}

// TestMemoryLimit: Go's memory limit leaves room below the container's.
func TestMemoryLimit(t *testing.T) {
	container := only[appsv1.Deployment](t, manifests(t, filepath.Join("kustomize", "base")), "Deployment").
		Spec.Template.Spec.Containers[0]
	at := slices.IndexFunc(container.Env, func(e corev1.EnvVar) bool { return e.Name == "GOMEMLIMIT" })
	if at < 0 {
		t.Fatal("GOMEMLIMIT is not set")
	}
	// Kubernetes' Mi is Go's MiB.
	text, ok := strings.CutSuffix(container.Env[at].Value, "B")
	soft, err := resource.ParseQuantity(text)
	if err != nil || !ok {
		t.Fatalf("GOMEMLIMIT is %q", container.Env[at].Value)
	}
	limit := container.Resources.Limits.Memory()
	if share := float64(soft.Value()) / float64(limit.Value()); share < 0.7 || share > 0.8 {
		t.Errorf("GOMEMLIMIT is %s, the limit %s: want 70 to 80 percent of it", container.Env[at].Value, limit)
	}
}

// TestPodSecurity: the pod meets the restricted Pod Security Standard.
func TestPodSecurity(t *testing.T) {
	objects := manifests(t, filepath.Join("kustomize", "base"))
	labels := only[corev1.Namespace](t, objects, "Namespace").Labels
	if level := labels["pod-security.kubernetes.io/enforce"]; level != "restricted" {
		t.Errorf("the namespace enforces %q", level)
	}
	spec := only[appsv1.Deployment](t, objects, "Deployment").Spec.Template.Spec
	if spec.HostNetwork || spec.HostPID || spec.HostIPC || len(spec.Volumes) > 0 {
		t.Error("the Pod takes something of the host, or a volume")
	}
	if pod := spec.SecurityContext; pod == nil || pod.RunAsNonRoot == nil || !*pod.RunAsNonRoot ||
		pod.RunAsUser == nil || *pod.RunAsUser == 0 ||
		pod.SeccompProfile == nil || pod.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the Pod's security context is %+v", pod)
	}
	container := spec.Containers[0]
	if c := container.SecurityContext; c == nil || c.Privileged != nil ||
		c.AllowPrivilegeEscalation == nil || *c.AllowPrivilegeEscalation ||
		c.ReadOnlyRootFilesystem == nil || !*c.ReadOnlyRootFilesystem ||
		c.Capabilities == nil || len(c.Capabilities.Add) > 0 ||
		!slices.Equal(c.Capabilities.Drop, []corev1.Capability{"ALL"}) {
		t.Errorf("the container's security context is %+v", c)
	}
	if container.Resources.Requests.Cpu().IsZero() || container.Resources.Limits.Memory().IsZero() {
		t.Errorf("the container's resources are %+v", container.Resources)
	}
	for name, probe := range map[string]*corev1.Probe{
		"/healthz": container.LivenessProbe, "/readyz": container.ReadinessProbe,
	} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != name ||
			probe.HTTPGet.Port.String() != container.Ports[0].Name {
			t.Errorf("the probe of %s is %+v", name, probe)
		}
	}
}

// TestFlowSchema: the FlowSchema covers every resource that the ClusterRole grants.
func TestFlowSchema(t *testing.T) {
	base := manifests(t, filepath.Join("kustomize", "base"))
	flow := manifests(t, filepath.Join("kustomize", "components", "flowschema"))
	schema := only[flowcontrolv1.FlowSchema](t, flow, "FlowSchema")
	level := only[flowcontrolv1.PriorityLevelConfiguration](t, flow, "PriorityLevelConfiguration")
	if got := schema.Spec.PriorityLevelConfiguration.Name; got != level.Name {
		t.Errorf("the FlowSchema is of level %s, want %s", got, level.Name)
	}
	account := only[corev1.ServiceAccount](t, base, "ServiceAccount")
	if got := schema.Spec.Rules[0].Subjects[0].ServiceAccount; got == nil ||
		got.Name != account.Name || got.Namespace != account.Namespace {
		t.Errorf("the FlowSchema is for %v, want %s/%s", got, account.Namespace, account.Name)
	}
	rule := schema.Spec.Rules[0].ResourceRules[0]
	for _, granted := range only[rbacv1.ClusterRole](t, base, "ClusterRole").Rules {
		for _, words := range [][2][]string{
			{rule.APIGroups, granted.APIGroups}, {rule.Resources, granted.Resources}, {rule.Verbs, granted.Verbs},
		} {
			for _, word := range words[1] {
				if !slices.Contains(words[0], word) {
					t.Errorf("the FlowSchema lacks %q of the ClusterRole", word)
				}
			}
		}
	}
}

func TestExamplesAreWellFormed(t *testing.T) {
	objects := manifests(t, "examples")
	if len(objects) == 0 {
		t.Fatal("there are no examples")
	}
	for _, object := range objects {
		if object.GetAPIVersion() == "" || object.GetKind() == "" || object.GetName() == "" {
			t.Errorf("an example is no object: %v %v", object.GetKind(), object.GetName())
		}
		if err := typed(object); err != nil {
			t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

// typed reads an object strictly as its kind; of the kinds that the examples do not have, as its metadata.
func typed(object *unstructured.Unstructured) error {
	into := map[string]any{
		"Secret": &corev1.Secret{}, "ConfigMap": &corev1.ConfigMap{}, "Namespace": &corev1.Namespace{},
	}[object.GetKind()]
	strict := into != nil
	if into == nil {
		into = &metav1.PartialObjectMetadata{}
	}
	return runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, into, strict)
}

// TestAdmissionPolicies: the policies are for the installed ServiceAccount and the default of the flag, and none is
// without a binding.
func TestAdmissionPolicies(t *testing.T) {
	account := only[corev1.ServiceAccount](t, manifests(t, filepath.Join("kustomize", "base")), "ServiceAccount")
	user := "'system:serviceaccount:" + account.Namespace + ":" + account.Name + "'"
	protected := runCommand().Flags().Lookup("protected-namespaces").DefValue
	isProtected := "request.namespace.matches('^(" + strings.ReplaceAll(protected, ",", "|") + ")$')"
	for _, component := range []string{"cage", "guard"} {
		policies, bindings := map[string]bool{}, map[string]bool{}
		for _, object := range manifests(t, filepath.Join("kustomize", "components", component)) {
			one := []*unstructured.Unstructured{object}
			if object.GetKind() == "ValidatingAdmissionPolicyBinding" {
				bindings[only[admissionv1.ValidatingAdmissionPolicyBinding](t, one, object.GetKind()).Spec.PolicyName] = true
				continue
			}
			policy := only[admissionv1.ValidatingAdmissionPolicy](t, one, "ValidatingAdmissionPolicy")
			policies[policy.Name] = true
			if fails := policy.Spec.FailurePolicy; fails == nil || *fails != admissionv1.Fail {
				t.Errorf("the policy %s does not fail closed", policy.Name)
			}
			conditions := policy.Spec.MatchConditions
			if len(conditions) != 1 || !strings.Contains(conditions[0].Expression, user) {
				t.Errorf("the policy %s does not tell %s from others: %v", policy.Name, user, conditions)
			}
			for _, v := range policy.Spec.Variables {
				if v.Name == "isProtected" && v.Expression != isProtected {
					t.Errorf("the policy %s protects %s, and the program %s", policy.Name, v.Expression, protected)
				}
			}
		}
		if len(policies) == 0 || !maps.Equal(policies, bindings) {
			t.Errorf("%s has the policies %v, and bindings of %v", component, policies, bindings)
		}
	}
}
