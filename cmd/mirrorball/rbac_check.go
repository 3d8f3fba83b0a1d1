package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// permission is one verb on one resource, as `mirrorball rbac --check` prints it.
type permission struct {
	Verb     string `json:"verb"`
	Group    string `json:"group,omitempty"`
	Resource string `json:"resource"`
	// Name is that of the only object, and Namespace where it is; empty is all.
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}

// list returns the permissions one by one.
func (p *permissions) list() []permission {
	all := singlePermissions("", p.everywhere)
	for _, namespace := range slices.Sorted(maps.Keys(p.in)) {
		all = append(all, singlePermissions(namespace, p.in[namespace])...)
	}
	return all
}

func singlePermissions(namespace string, rules []rbacv1.PolicyRule) (all []permission) {
	for _, r := range rules {
		for _, resource := range r.Resources {
			names := r.ResourceNames
			if resource == "namespaces" && namespace != "" {
				names = []string{namespace}
			}
			if len(names) == 0 {
				names = []string{""}
			}
			for _, name := range names {
				for _, verb := range r.Verbs {
					all = append(all, permission{verb, r.APIGroups[0], resource, name, namespace})
				}
			}
		}
	}
	return all
}

// missing asks the API server which of the permissions the current identity lacks.
func (p *permissions) missing(ctx context.Context, client kubernetes.Interface) ([]permission, error) {
	var missing []permission
	for _, want := range p.list() {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: want.Verb, Group: want.Group, Resource: want.Resource, Name: want.Name, Namespace: want.Namespace,
			},
		}}
		answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return nil, unable("could not tell which permissions are missing: %w; "+
				"check the kubeconfig, and with --as the permission to impersonate", err)
		}
		if !answer.Status.Allowed && !slices.Contains(missing, want) {
			missing = append(missing, want)
		}
	}
	return missing, nil
}

// printMissing prints the permissions that are missing as a table.
func printMissing(out io.Writer, missing []permission) error {
	if len(missing) == 0 {
		_, err := fmt.Fprintln(out, "No permission is missing.")
		return err
	}
	t := newTable(out, false, "MISSING VERB", "RESOURCE", "NAME", "NAMESPACE")
	for _, p := range missing {
		resource, namespace := p.Resource, p.Namespace
		if p.Group != "" {
			resource += "." + p.Group
		}
		if namespace == "" {
			namespace = "all"
		}
		t.row(p.Verb, resource, dash(p.Name), namespace)
	}
	return t.Flush()
}
