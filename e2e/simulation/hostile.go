package simulation

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/mirrorball-dev/mirrorball/annotations"
)

// The hostile tenants have every right over Secrets, ConfigMaps and ServiceAccounts in their own namespaces, and none
// elsewhere: all that they reach beyond is what Mirrorball does on their account. They see what is replicated to them.

// hostile is a step, or some, of such a tenant's.
func hostile(r random, token string, s *Settings) []Step {
	home := pick(r, hostileNamespaces...)
	switch r.IntN(14) {
	case 0, 1, 2, 3:
		return hostileSource(r, home, token)
	case 4, 5:
		return flip(r, home, token)
	case 6, 7:
		return rotate(r, home, token, s)
	case 8:
		return steal(r, home)
	case 9:
		return forgeIn(r, token, home)
	case 10, 11:
		return tamperAt(r, token, anyIn(r, home))
	case 12:
		return pullerIn(r, token, home)
	}
	if r.oneIn(3) {
		return forgeRecord(sourcePlace(r), home, token)
	}
	return accountIn(r, home)
}

// hostileItem is a source that asks for all that there is to be had.
func hostileItem(r random, p place, token string) *item {
	i := &item{kind: p.kind, kindType: anyType(r, p)}
	i.Namespace, i.Name, i.data = p.Namespace, p.Name, content(i.kindType, token)
	i.Labels, i.Annotations = labels(r), hostilePolicy(r)
	i.Labels["argocd.argoproj.io/secret-type"] = "cluster"
	if r.oneIn(3) {
		i.Labels[annotations.LabelManagedBy] = annotations.ManagedBy
		i.Annotations[annotations.ReplicaOf] = sourcePlace(r).NamespacedName.String()
	}
	return i
}

// hostilePolicy claims the names of others, everywhere, in any dialect or in all, and forges what Mirrorball writes.
func hostilePolicy(r random) map[string]string {
	a := map[string]string{annotations.PushTo: pick(r, "*", "*", "*,!team-b", "platform,team-*")}
	if r.oneIn(4) {
		delete(a, annotations.PushTo)
	}
	if r.oneIn(4) {
		maps.Copy(a, map[string]string{
			reflector + "reflection-allowed": "true", reflector + "reflection-auto-enabled": "true",
			reflector + "reflection-auto-namespaces": pick(r, "", ".*", "[^t].*|.*[^a]"),
		})
	}
	if r.oneIn(4) {
		maps.Copy(a, map[string]string{
			replicatorV + "replicate-to": pick(r, ".*", "team-.*,platform"), replicatorV + "replication-allowed": "true",
			replicatorV + "replication-allowed-namespaces": ".*",
		})
	}
	if r.oneIn(2) {
		a[annotations.TargetName] = pick(r, "app", "db", "pull", "app", "db", "pull", reserved[0])
	}
	if r.oneIn(2) {
		a[annotations.AttachToServiceAccounts] = "*"
	}
	if r.oneIn(2) {
		a[annotations.CopyLabels] = pick(r, "*", "argocd.argoproj.io/secret-type,example.com/*")
	}
	if r.oneIn(4) {
		a[annotations.CopyAnnotations] = pick(r, "*", "example.com/*")
		a["example.com/note"] = "theirs"
	}
	if r.oneIn(3) {
		a[annotations.OnDelete] = "keep"
	}
	if r.oneIn(3) {
		a[annotations.SurvivesRecreation] = "true"
	}
	if r.oneIn(5) {
		a[annotations.CopiedLabels], a[annotations.KeptOnDelete] = "example.com/team,color", string(annotations.Keep)
		a[annotations.Attached] = "pull=platform/pull"
	}
	return a
}

func hostileSource(r random, home, token string) []Step {
	i := hostileItem(r, anyIn(r, home), token)
	return one(fmt.Sprintf("create the hostile source %s of type %q: %s", i.place(), i.kindType,
		describePolicy(i.Annotations)),
		func(ctx context.Context, w *World) error { return w.workload.put(ctx, i.clone()) })
}

// flip changes a source's annotations several times, as fast as the API server answers.
func flip(r random, home, token string) []Step {
	p := anyIn(r, home)
	var steps []Step
	for n := range 2 + r.IntN(5) {
		to := pick(r, hostilePolicy(r), hostilePolicy(r), policy(r), nil)
		steps = append(steps, Step{
			After: r.between(time.Microsecond, 30*time.Millisecond),
			Text:  fmt.Sprintf("flip the policy of %s: %s", p, describePolicy(to)),
			execute: func(ctx context.Context, w *World) error {
				return w.workload.edit(ctx, p, func(i *item) {
					i.Annotations = maps.Clone(to)
					if n%2 == 1 {
						i.data = content(i.kindType, token)
					}
				})
			},
		})
	}
	return steps
}

// rotate deletes a source and creates it again, with what it was or another policy, now or later.
func rotate(r random, home, token string, s *Settings) []Step {
	p := anyIn(r, home)
	to, gap := hostilePolicy(r), r.between(time.Microsecond, 10*time.Millisecond)
	if r.oneIn(3) {
		gap = r.between(time.Second, 2*s.Grace)
	}
	how := pick(r, "as it was", "with another policy", "without annotations")
	change := map[string]func(*item){
		"as it was":           func(*item) {},
		"with another policy": func(i *item) { i.Annotations = to },
		"without annotations": func(i *item) { i.Annotations = nil },
	}[how]
	return []Step{
		{Text: "delete the hostile " + p.String(), execute: func(ctx context.Context, w *World) error {
			return w.workload.remove(ctx, p)
		}},
		{After: gap, Text: "create it again " + how, execute: func(ctx context.Context, w *World) error {
			return w.workload.restore(ctx, p, token, change)
		}},
	}
}

// steal makes a source of what was replicated into a tenant's namespace, under its name, or a copy by
// kubernetes-replicator.
func steal(r random, home string) []Step {
	p, own := anyIn(r, home), pick(r, hostileNamespaces...)
	to, asCopy := hostilePolicy(r), r.oneIn(3)
	return one("steal the content of "+p.String()+" for a source in "+own, func(ctx context.Context, w *World) error {
		from, err := w.workload.get(ctx, p)
		if err != nil {
			return err
		}
		i := &item{kind: p.kind, kindType: from.kindType, data: from.data}
		i.Namespace, i.Name, i.Annotations = own, p.Name, to
		if asCopy {
			i.Annotations = copiedByReplicator(from)
		}
		return w.workload.put(ctx, i)
	})
}
