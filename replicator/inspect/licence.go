package inspect

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/replicator"
)

// reasonUnlicensed is that of the findings of AddLicence.
const reasonUnlicensed = "Unlicensed"

// mirrors is the resource, in the group mirrorball.dev, on which the licence policy asks for rights.
const (
	mirrorsGroup = "mirrorball.dev"
	mirrors      = "mirrors"
)

// RBAC is what the cluster grants.
type RBAC struct {
	ClusterRoles        []rbacv1.ClusterRole
	Roles               []rbacv1.Role
	ClusterRoleBindings []rbacv1.ClusterRoleBinding
	RoleBindings        []rbacv1.RoleBinding
}

// licences are the verbs on mirrors that somebody has, by namespace; those in all namespaces are under "".
type licences map[string][]string

// licences collects what is granted by name. Roles that grant every resource, as cluster-admin does, are left out: then
// the right is one of administrators.
func (r *RBAC) licences() licences {
	verbs := map[string][]string{} // by role, as namespace/name
	for i := range r.ClusterRoles {
		verbs["/"+r.ClusterRoles[i].Name] = licensedVerbs(r.ClusterRoles[i].Rules)
	}
	for i := range r.Roles {
		verbs[r.Roles[i].Namespace+"/"+r.Roles[i].Name] = licensedVerbs(r.Roles[i].Rules)
	}
	found := licences{}
	for i := range r.ClusterRoleBindings {
		if b := &r.ClusterRoleBindings[i]; len(b.Subjects) > 0 {
			found[""] = append(found[""], verbs["/"+b.RoleRef.Name]...)
		}
	}
	for i := range r.RoleBindings {
		b := &r.RoleBindings[i]
		if len(b.Subjects) == 0 {
			continue
		}
		role := "/" + b.RoleRef.Name
		if b.RoleRef.Kind == "Role" {
			role = b.Namespace + role
		}
		found[b.Namespace] = append(found[b.Namespace], verbs[role]...)
	}
	return found
}

func licensedVerbs(rules []rbacv1.PolicyRule) (verbs []string) {
	for _, r := range rules {
		if slices.Contains(r.APIGroups, mirrorsGroup) && len(r.ResourceNames) == 0 &&
			(slices.Contains(r.Resources, mirrors) || slices.Contains(r.Resources, rbacv1.ResourceAll)) {
			verbs = append(verbs, r.Verbs...)
		}
	}
	return verbs
}

// grant reports whether somebody has the verb in the namespace or, if it is empty, in all of them.
func (l licences) grant(namespace, verb string) bool {
	has := func(verbs []string) bool {
		return slices.Contains(verbs, verb) || slices.Contains(verbs, rbacv1.VerbAll)
	}
	return has(l[""]) || namespace != "" && has(l[namespace])
}

// AddLicence adds a finding to each source that pushes, attaches, or has other systems' keys copied, where nobody but
// administrators has the right that the policy in deploy/kustomize/components/licence asks for.
func (r *Report) AddLicence(decisions []replicator.Decision, rbac *RBAC) {
	granted := rbac.licences()
	missing := map[string]string{}
	for i := range decisions {
		if claims := decisions[i].View.Claims(); claims != nil && claims.Policy != nil && claims.Policy.Push != nil {
			missing[decisions[i].String()] = granted.missing(decisions[i].Namespace, claims.Policy)
		}
	}
	for i := range r.Sources {
		s := &r.Sources[i]
		if note := missing[s.String()]; note != "" {
			s.Findings = append(s.Findings, Finding{Object: s.String(), Reason: reasonUnlicensed, Note: note})
		}
	}
}

// missing says which rights nobody has who may write the policy; empty if there are none.
func (l licences) missing(namespace string, p *annotations.Policy) string {
	where, in := namespace, "the namespace "+namespace
	if !p.PushesToNames() {
		where, in = "", "all namespaces, because namespaces are selected by a pattern or by labels"
	}
	var verbs []string
	for _, verb := range licensesOf(p) {
		if !l.grant(where, verb) {
			verbs = append(verbs, verb)
		}
	}
	if len(verbs) == 0 {
		return ""
	}
	return fmt.Sprintf("only administrators have the right to %s on mirrors.mirrorball.dev in %s: bind the ClusterRole "+
		"mirrorball-%s to those who write this source", strings.Join(verbs, " and to "), in,
		strings.Join(verbs, " and mirrorball-"))
}

// licensesOf returns the verbs that the policy asks for.
func licensesOf(p *annotations.Policy) []string {
	verbs := []string{"push"}
	if !p.AttachTo.Empty() {
		verbs = append(verbs, "attach")
	}
	if p.Dialect == annotations.Native && strings.ContainsAny(p.CopyLabels.String()+p.CopyAnnotations.String(), "*?/") {
		verbs = append(verbs, "labels")
	}
	return verbs
}
