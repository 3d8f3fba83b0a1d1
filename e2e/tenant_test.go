package e2e

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// tenant is a user who may do everything with Secrets, ConfigMaps and ServiceAccounts in one namespace, and nothing
// else.
type tenant struct {
	*scene
	client kubernetes.Interface
}

// tenant makes the ServiceAccount of a tenant, with its Role.
func (s *scene) tenant(namespace string) *tenant {
	s.Helper()
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "tenant"}
	role := &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{""}, Resources: []string{"secrets", "configmaps", "serviceaccounts"}, Verbs: []string{"*"},
	}}}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: meta.Name}},
	}
	rights := s.system.Client.RbacV1()
	if _, err := rights.Roles(namespace).Create(s.Context(), role, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	if _, err := rights.RoleBindings(namespace).Create(s.Context(), binding, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	account := &corev1.ServiceAccount{ObjectMeta: meta}
	_, err := s.system.Client.CoreV1().ServiceAccounts(namespace).Create(s.Context(), account, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
	config := rest.CopyConfig(s.system.Config)
	config.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + namespace + ":" + meta.Name,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		s.Fatal(err)
	}
	return &tenant{scene: s, client: client}
}

// create makes an object as the tenant.
func (t *tenant) create(o object) object {
	t.Helper()
	if o.kind == configMap {
		c, err := t.client.CoreV1().ConfigMaps(o.namespace).Create(t.Context(), o.configMap(), metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return fromConfigMap(c)
	}
	c, err := t.client.CoreV1().Secrets(o.namespace).Create(t.Context(), o.secret(), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return fromSecret(c)
}
