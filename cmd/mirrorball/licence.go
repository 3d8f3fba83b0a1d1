package main

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/replicator/inspect"
)

// addLicence adds the sources that only an administrator could write under the licence policy.
func (in *inspection) addLicence(ctx context.Context, r *inspect.Report) {
	rbac, err := in.readRBAC(ctx)
	if err != nil {
		r.Unknown = append(r.Unknown, "who may push: "+err.Error())
		return
	}
	r.AddLicence(in.Decisions(), rbac)
}

func (in *inspection) readRBAC(ctx context.Context) (*inspect.RBAC, error) {
	client, opts := in.client.RbacV1(), metav1.ListOptions{}
	clusterRoles, err := client.ClusterRoles().List(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("cannot list clusterroles: %w", err)
	}
	roles, err := client.Roles("").List(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("cannot list roles: %w", err)
	}
	clusterRoleBindings, err := client.ClusterRoleBindings().List(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("cannot list clusterrolebindings: %w", err)
	}
	roleBindings, err := client.RoleBindings("").List(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("cannot list rolebindings: %w", err)
	}
	return &inspect.RBAC{
		ClusterRoles: clusterRoles.Items, Roles: roles.Items,
		ClusterRoleBindings: clusterRoleBindings.Items, RoleBindings: roleBindings.Items,
	}, nil
}
