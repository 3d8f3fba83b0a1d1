package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// printedObjects are what `mirrorball rbac` prints.
func printedObjects(t *testing.T, args ...string) []*unstructured.Unstructured {
	t.Helper()
	var out, stderr bytes.Buffer
	if code := execute("mirrorball", append([]string{"rbac", "-o", "json"}, args...), &out, &stderr); code != exitDone {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	var list unstructured.UnstructuredList
	if err := json.Unmarshal(out.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	var objects []*unstructured.Unstructured
	for i := range list.Items {
		objects = append(objects, &list.Items[i])
	}
	return objects
}

// TestPermissions has what differs from the defaults, which TestPermissionsOfBase compares with the manifests.
func TestPermissions(t *testing.T) {
	const head = "apiVersion: config.mirrorball.dev/v1\nkind: Rules\nrules:"
	for name, tc := range map[string]struct {
		args  []string
		rules string
		// want are the verbs by namespace and resource; those in all namespaces have an empty one.
		want map[string]string
	}{
		"one kind": {
			args: []string{"--kinds=secrets"},
			want: map[string]string{
				"/secrets": "get list watch create patch delete", "/namespaces": "get list watch",
				"/serviceaccounts": "list watch patch", "/events": "create",
				"mirrorball-system/leases": "create", "mirrorball-system/leases/mirrorball": "get update",
				"mirrorball-system/configmaps": "get list watch create patch delete",
			},
		},
		"neither attaching nor leader election": {
			args: []string{"--kinds=secrets", "--attach-to-service-accounts=false", "--leader-elect=false", "--namespace=ops"},
			want: map[string]string{
				"/secrets": "get list watch create patch delete", "/namespaces": "get list watch", "/events": "create",
				"ops/configmaps": "get list watch create patch delete",
			},
		},
		"the Lease in another namespace": {
			args: []string{
				"--kinds=secrets", "--attach-to-service-accounts=false", "--leader-election-namespace=leases",
				"--leader-election-name=other",
			},
			want: map[string]string{
				"/secrets": "get list watch create patch delete", "/namespaces": "get list watch", "/events": "create",
				"mirrorball-system/configmaps": "get list watch create patch delete",
				"leases/leases":                "create", "leases/leases/other": "get update",
			},
		},
		"rules that let nobody push": {
			args: []string{"--kinds=secrets", "--attach-to-service-accounts=false", "--leader-elect=false"}, rules: " []",
			want: map[string]string{
				"/secrets": "get list watch patch delete", "/namespaces": "get list watch", "/events": "create",
				"mirrorball-system/configmaps": "get list watch create patch delete",
			},
		},
		"namespaces and rules": {
			args:  []string{"--kinds=secrets", "--leader-elect=false", "--namespaces=b, a"},
			rules: "\n- {sources: ['*'], targets: [a], allow: [push]}",
			want: map[string]string{
				"a/secrets": "get list watch create patch delete", "a/namespaces": "get",
				"a/serviceaccounts": "list watch patch", "a/events": "create",
				"b/secrets": "get list watch patch delete", "b/namespaces": "get",
				"b/serviceaccounts": "list watch patch", "b/events": "create",
				"mirrorball-system/configmaps": "get list watch create patch delete",
				"mirrorball-system/namespaces": "get", "mirrorball-system/events": "create",
			},
		},
		"its own namespace among those": {
			args: []string{
				"--kinds=secrets", "--leader-elect=false", "--namespaces=mirrorball-system",
				"--attach-to-service-accounts=false",
			},
			want: map[string]string{
				"mirrorball-system/secrets":    "get list watch create patch delete",
				"mirrorball-system/configmaps": "get list watch create patch delete",
				"mirrorball-system/namespaces": "get", "mirrorball-system/events": "create",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var given controllerFlags
			set := pflag.NewFlagSet("", pflag.ContinueOnError)
			given.registerAs(set, permissionFlags)
			if err := set.Parse(tc.args); err != nil {
				t.Fatal(err)
			}
			used, err := parseRunFlags(nil)
			if err != nil {
				t.Fatal(err)
			}
			s, _, err := given.override(used)
			if err != nil {
				t.Fatal(err)
			}
			r := rules.Default(s.namespace)
			if tc.rules != "" {
				if r, err = rules.Parse(head + tc.rules); err != nil {
					t.Fatal(err)
				}
			}
			p := permissionsOf(s, r)
			verbs := map[string][]string{}
			for _, single := range p.list() {
				key := single.Namespace + "/" + single.Resource
				if single.Name != "" && single.Resource != "namespaces" {
					key += "/" + single.Name
				}
				if !slices.Contains(verbs[key], single.Verb) {
					verbs[key] = append(verbs[key], single.Verb)
				}
			}
			got := map[string]string{}
			for key, list := range verbs {
				got[key] = strings.Join(list, " ")
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("the permissions are (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPermissionFlags: each of the flags matters.
func TestPermissionFlags(t *testing.T) {
	base := printedObjects(t)
	for _, flag := range permissionFlags {
		value := map[string]string{
			"namespace": "ops", "namespaces": "a", "kinds": "secrets", "leader-election-namespace": "leases",
			"leader-election-name": "other",
		}[flag]
		if value == "" {
			value = "false"
		}
		if cmp.Equal(base, printedObjects(t, "--"+flag+"="+value)) {
			t.Errorf("--%s=%s changes nothing", flag, value)
		}
	}
}
