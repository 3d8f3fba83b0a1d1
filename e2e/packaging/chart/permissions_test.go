package chart

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestPermissionsOfTheChart: the chart grants what `mirrorball rbac` prints for the same flags.
func TestPermissionsOfTheChart(t *testing.T) {
	kinds := []string{"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
	for name, flags := range map[string][]string{
		"the defaults":             nil,
		"one kind":                 {"kinds=secrets"},
		"no attaching":             {"attach-to-service-accounts=false"},
		"no leader election":       {"leader-elect=false"},
		"another Lease":            {"leader-election-namespace=leases", "leader-election-name=other"},
		"namespaces":               {"namespaces=team-b, team-a", "kinds=configmaps"},
		"namespaces, no attaching": {"namespaces=team-a", "attach-to-service-accounts=false"},
		"namespaces with its own":  {"namespaces=team-a,mirrorball-system", "leader-election-namespace=team-a"},
	} {
		t.Run(name, func(t *testing.T) {
			args, values := []string{"rbac"}, append(slices.Clone(placeholder), "--set", "replicas=1")
			for _, flag := range flags {
				key, value, _ := strings.Cut(flag, "=")
				args = append(args, "--"+flag)
				values = append(values, "--set", "config."+camel(key)+"="+strings.ReplaceAll(value, ",", `\,`))
			}
			printed, err := exec.CommandContext(t.Context(), program(t, "mirrorball", "build"), args...).Output()
			if err != nil {
				t.Fatal(err)
			}
			got := slices.DeleteFunc(template(t, values...), func(o *unstructured.Unstructured) bool {
				return !slices.Contains(kinds, o.GetKind())
			})
			if diff := cmp.Diff(byName(t, decode(t, string(printed))), byName(t, got)); diff != "" {
				t.Errorf("mirrorball rbac prints -, the chart renders +:\n%s", diff)
			}
		})
	}
}
