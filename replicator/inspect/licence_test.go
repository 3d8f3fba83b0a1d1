package inspect_test

import (
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator"
	"github.com/mirrorball-dev/mirrorball/replicator/inspect"
)

// granted is a ClusterRole that grants the verbs, bound in a namespace, or in all if it is empty.
func granted(group, namespace string, verbs ...string) *inspect.RBAC {
	name := metav1.ObjectMeta{Name: "pushers"}
	ref := rbacv1.RoleRef{Kind: "ClusterRole", Name: "pushers"}
	subjects := []rbacv1.Subject{{Kind: rbacv1.GroupKind, Name: "team"}}
	r := &inspect.RBAC{ClusterRoles: []rbacv1.ClusterRole{{ObjectMeta: name, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{group}, Resources: []string{"mirrors"}, Verbs: verbs},
	}}}}
	if namespace == "" {
		r.ClusterRoleBindings = []rbacv1.ClusterRoleBinding{{ObjectMeta: name, RoleRef: ref, Subjects: subjects}}
		return r
	}
	r.RoleBindings = []rbacv1.RoleBinding{{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "pushers"}, RoleRef: ref, Subjects: subjects,
	}}
	return r
}

func TestAddLicence(t *testing.T) {
	const group = "mirrorball.dev"
	names := map[string]string{annotations.PushTo: "a,b"}
	pattern := map[string]string{annotations.PushTo: "a*"}
	attaching := map[string]string{annotations.PushTo: "a", annotations.AttachToServiceAccounts: "default"}
	labelled := map[string]string{annotations.PushTo: "a", annotations.CopyLabels: "example.com/team"}
	for title, tc := range map[string]struct {
		notes map[string]string
		rbac  *inspect.RBAC
		want  string
	}{
		"pulling":                   {map[string]string{annotations.PullBy: "*"}, &inspect.RBAC{}, ""},
		"nothing granted":           {names, &inspect.RBAC{}, "push on mirrors.mirrorball.dev in the namespace from"},
		"granted":                   {names, granted(group, "from", "push"), ""},
		"granted everywhere":        {names, granted(group, "", "*"), ""},
		"granted elsewhere":         {names, granted(group, "other", "push"), "in the namespace from"},
		"granted to administrators": {names, granted("*", "", "*"), "only administrators"},
		"a pattern":                 {pattern, granted(group, "from", "push"), "in all namespaces"},
		"a pattern, everywhere":     {pattern, granted(group, "", "push"), ""},
		"attaching":                 {attaching, granted(group, "from", "push"), "right to attach"},
		"labels":                    {labelled, granted(group, "from", "attach"), "to push and to labels"},
	} {
		t.Run(title, func(t *testing.T) {
			key := informers.Key{
				Kind: annotations.Secret, NamespacedName: types.NamespacedName{Namespace: "from", Name: "s"},
			}
			claims := annotations.Parse("from", "s", tc.notes)
			decisions := []replicator.Decision{{Key: key, View: informers.SourceView{
				Occupant: informers.Occupant{Candidate: &informers.Candidate{Claims: &claims}},
			}}}
			r := &inspect.Report{Sources: []inspect.Source{{Kind: key.Kind, Namespace: "from", Name: "s"}}}
			r.AddLicence(decisions, tc.rbac)
			var got string
			for _, f := range r.Sources[0].Findings {
				got += f.Note
			}
			if got == "" != (tc.want == "") || !strings.Contains(got, tc.want) {
				t.Errorf("the finding is %q, want %q in it", got, tc.want)
			}
		})
	}
}
