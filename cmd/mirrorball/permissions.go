package main

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/rules"
)

// permissions are the least that a controller needs. This is the only list of them: `mirrorball rbac` prints it, and
// tests compare the manifests in deploy/ with it.
type permissions struct {
	// everywhere is needed in all namespaces; nil where the controller looks only at some.
	everywhere []rbacv1.PolicyRule
	// in is needed in one namespace, by its name.
	in map[string][]rbacv1.PolicyRule
}

// permissionsOf returns what a controller with these settings needs. Where no rule lets anybody push, no replica is
// created.
func permissionsOf(s settings, r *rules.Rules) permissions {
	p := permissions{in: map[string][]rbacv1.PolicyRule{}}
	if s.leaderElect {
		p.add(s.leaderElectNamespace, leasePermissions(s.leaderElectName)...)
	}
	p.add(s.namespace, recordPermissions)
	if len(s.only) == 0 {
		p.everywhere = append(mirrorPermissions(s, r.Gives(rules.Push, "")), eventPermissions)
		return p
	}
	if !slices.Contains(s.only, s.namespace) {
		// The check at the start, and events on the ConfigMaps with the rules and with saved policies.
		p.add(s.namespace, namespacePermissions(s), eventPermissions)
	}
	for _, namespace := range s.only {
		p.add(namespace, append(mirrorPermissions(s, r.Gives(rules.Push, namespace)), eventPermissions)...)
	}
	return p
}

func (p *permissions) add(namespace string, rules ...rbacv1.PolicyRule) {
	p.in[namespace] = append(p.in[namespace], rules...)
}

// mirrorPermissions are for everything that is mirrored in a namespace, or in all.
func mirrorPermissions(s settings, pushes bool) []rbacv1.PolicyRule {
	list := []rbacv1.PolicyRule{objectPermissions(s, pushes), namespacePermissions(s)}
	if s.attach {
		list = append(list, accountPermissions)
	}
	return list
}

// objectPermissions are for sources and replicas.
func objectPermissions(s settings, pushes bool) rbacv1.PolicyRule {
	verbs := []string{
		"get",   // read a source after each change; confirm that a source is gone before its replicas are removed
		"list",  // fill the caches: possible sources as metadata, replicas completely
		"watch", // keep the caches up to date
	}
	if pushes {
		verbs = append(verbs, "create") // create a replica, if the name is free
	}
	verbs = append(verbs,
		"patch",  // update a replica; write a saved policy back to a source that was created again
		"delete", // remove a replica that is no longer selected, with UID and resourceVersion as preconditions
	)
	rule := rbacv1.PolicyRule{APIGroups: []string{corev1.GroupName}, Verbs: verbs}
	for _, kind := range s.mirrored {
		rule.Resources = append(rule.Resources, informers.Resource(kind))
	}
	return rule
}

// namespacePermissions are for names, labels and annotations of namespaces. In a Role they are for the Role's own
// namespace, which is read again and again, because list and watch are for all namespaces or none.
func namespacePermissions(s settings) rbacv1.PolicyRule {
	verbs := []string{
		"get", // confirm labels and accept-from before a replica is removed because of them
	}
	if len(s.only) == 0 {
		verbs = append(verbs,
			"list",  // fill the cache; check the connection at the start
			"watch", // keep the cache up to date
		)
	}
	return rbacv1.PolicyRule{APIGroups: []string{corev1.GroupName}, Resources: []string{"namespaces"}, Verbs: verbs}
}

// accountPermissions are for the annotation attach-to-service-accounts.
var accountPermissions = rbacv1.PolicyRule{
	APIGroups: []string{corev1.GroupName}, Resources: []string{"serviceaccounts"},
	Verbs: []string{
		"list",  // fill the cache: which ServiceAccounts match
		"watch", // keep the cache up to date: also attach to ServiceAccounts that are created later
		"patch", // change imagePullSecrets, and the annotation that lists the added entries
	},
}

// eventPermissions are for events on sources, on objects that pull and on the ConfigMap with the rules.
var eventPermissions = rbacv1.PolicyRule{
	APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"},
	Verbs: []string{
		"create", // one event for each change of the outcome
	},
}

// leasePermissions are for leader election. RBAC cannot limit create to a name, because the name is not known when the
// request is authorized.
func leasePermissions(name string) []rbacv1.PolicyRule {
	groups, leases := []string{"coordination.k8s.io"}, []string{"leases"}
	return []rbacv1.PolicyRule{
		{APIGroups: groups, Resources: leases, Verbs: []string{"create"}},
		{
			APIGroups: groups, Resources: leases, ResourceNames: []string{name},
			Verbs: []string{
				"get",    // read the current leader
				"update", // acquire, renew and release the Lease
			},
		},
	}
}

// recordPermissions are for the saved policies, one ConfigMap each, and for the operator's rules, which are only read.
var recordPermissions = rbacv1.PolicyRule{
	APIGroups: []string{corev1.GroupName}, Resources: []string{"configmaps"},
	Verbs: []string{
		"get", // read a saved policy again when its source is gone or was created again; read the rules at the start, and
		// before a removal that they are the reason of
		"list",   // read all saved policies, and the rules
		"watch",  // keep them up to date
		"create", // save a policy
		"patch",  // update a saved policy
		"delete", // delete a saved policy that is not needed any more
	},
}
