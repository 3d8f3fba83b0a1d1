package chart

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestAdmissionValues: the flags of the program and the namespace of the release are in the policies, too.
func TestAdmissionValues(t *testing.T) {
	const cage, guard = "admission.cage.enabled=true", "admission.guard.mode=deny"
	for name, tc := range map[string]struct {
		args  []string
		wants []string
	}{
		"no protected namespaces": {
			[]string{"--set", cage, "--set", "config.protectedNamespaces="}, []string{"isProtected: false"},
		},
		"patterns": {
			[]string{"--set", cage, "--set", `config.protectedNamespaces=kube-*\, a?c\, !kube-x`},
			[]string{"isProtected: request.namespace.matches('^(kube-.*|a.c)$') && !request.namespace.matches('^(kube-x)$')"},
		},
		"only exceptions": {
			[]string{"--set", cage, "--set", "config.protectedNamespaces=!kube-x"}, []string{"isProtected: false"},
		},
		"another Lease": {
			[]string{
				"--set", cage, "--set", "config.leaderElectionNamespace=leases,config.leaderElectionName=other",
			},
			[]string{"lease: 'leases/other'"},
		},
		"users that the guard exempts": {
			[]string{"--set", guard, "--set", "admission.guard.exemptUsers={a:b,c}"},
			[]string{
				"users: !(request.userInfo.username in ['system:serviceaccount:mirrorball-system:mirrorball', 'a:b', 'c'])",
			},
		},
		"a release in another namespace": {
			[]string{"--namespace", "elsewhere", "--set", cage, "--set", guard},
			[]string{
				"identity: request.userInfo.username == 'system:serviceaccount:elsewhere:mirrorball'",
				"users: !(request.userInfo.username in ['system:serviceaccount:elsewhere:mirrorball'])",
				"lease: 'elsewhere/mirrorball'",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := expressions(t, template(t, append(slices.Clone(placeholder), tc.args...)...))
			for _, want := range tc.wants {
				if !slices.Contains(got, want) {
					t.Errorf("the policies do not have %q: %q", want, got)
				}
			}
		})
	}
}

// expressions are the variables and the conditions of all admission policies, with their names.
func expressions(t *testing.T, objects []*unstructured.Unstructured) (all []string) {
	t.Helper()
	for _, object := range objects {
		if object.GetKind() != "ValidatingAdmissionPolicy" {
			continue
		}
		for _, field := range []string{"matchConditions", "variables"} {
			list, _, err := unstructured.NestedSlice(object.Object, "spec", field)
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range list {
				fields, _ := entry.(map[string]any)
				all = append(all, fmt.Sprintf("%s: %s", fields["name"], fields["expression"]))
			}
		}
	}
	return all
}
