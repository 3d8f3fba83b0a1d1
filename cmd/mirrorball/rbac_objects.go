package main

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// rbacName is the name of everything that is installed for the controller.
const rbacName = "mirrorball"

// rbacObjects returns the ServiceAccount of a controller in a namespace, and what gives it the permissions: a
// ClusterRole and Roles, each with its binding.
func rbacObjects(p permissions, namespace string) []any {
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: rbacName, Namespace: namespace}}
	no := false // only the Deployment mounts the token
	objects := []any{&corev1.ServiceAccount{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta: rbacMeta(namespace), AutomountServiceAccountToken: &no,
	}}
	if p.everywhere != nil {
		objects = append(objects,
			&rbacv1.ClusterRole{TypeMeta: rbacType("ClusterRole"), ObjectMeta: rbacMeta(""), Rules: p.everywhere},
			&rbacv1.ClusterRoleBinding{
				TypeMeta: rbacType("ClusterRoleBinding"), ObjectMeta: rbacMeta(""), Subjects: subjects,
				RoleRef: rbacRef("ClusterRole"),
			})
	}
	for _, in := range slices.Sorted(maps.Keys(p.in)) {
		objects = append(objects,
			&rbacv1.Role{TypeMeta: rbacType("Role"), ObjectMeta: rbacMeta(in), Rules: p.in[in]},
			&rbacv1.RoleBinding{
				TypeMeta: rbacType("RoleBinding"), ObjectMeta: rbacMeta(in), Subjects: subjects, RoleRef: rbacRef("Role"),
			})
	}
	return objects
}

func rbacType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: kind}
}

func rbacRef(kind string) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: rbacName}
}

func rbacMeta(namespace string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: rbacName, Namespace: namespace, Labels: map[string]string{"app.kubernetes.io/name": rbacName},
	}
}
