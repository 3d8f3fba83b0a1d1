package simulation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

func changeNamespace(r random, _ string, _ *Settings) []Step {
	name := pick(r, "team-a", "team-b", "team-c", "dev-a", "platform", protected)
	if r.oneIn(2) {
		to := namespaceLabels(r)
		return one(fmt.Sprintf("label namespace %s %v", name, to), func(ctx context.Context, w *World) error {
			return w.workload.editNamespace(ctx, name, func(ns *corev1.Namespace) { ns.Labels = maps.Clone(to) })
		})
	}
	key := pick(r, annotations.AcceptFrom, annotations.AcceptFrom, annotations.AcceptAttachFrom, annotations.Paused)
	value := pick(r, "", "platform", "*", "team-*", "Not A Pattern", "-", "-", "-")
	if key == annotations.Paused {
		value = pick(r, "true", "true", "false", "perhaps", "-", "-", "-", "-")
	}
	text := fmt.Sprintf("have %s on namespace %s say %q", key, name, value)
	if value == "-" {
		text = "take " + key + " off namespace " + name
	}
	return one(text, func(ctx context.Context, w *World) error {
		return w.workload.editNamespace(ctx, name, func(ns *corev1.Namespace) {
			if value == "-" {
				delete(ns.Annotations, key)
			} else {
				ns.Annotations[key] = value
			}
		})
	})
}

// createOrDeleteNamespace creates namespaces and deletes them.
func createOrDeleteNamespace(r random, _ string, _ *Settings) []Step {
	name := pick(r, temporaryNamespaces...)
	l := namespaceLabels(r)
	return one(fmt.Sprintf("create namespace %s %v, or delete it", name, l),
		func(ctx context.Context, w *World) error {
			if err := w.workload.createNamespace(ctx, name, l); err == nil {
				return nil
			}
			return w.workload.client.Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
		})
}

// tamper changes the object in a place, often a replica.
func tamper(r random, token string, _ *Settings) []Step { return tamperAt(r, token, anyPlace(r)) }

func tamperAt(r random, token string, p place) []Step {
	to := types.NamespacedName{Namespace: sourceNamespace(r), Name: pick(r, objectNames...)}
	ownPolicy := policy(r)
	changes := []struct {
		text   string
		change func(*item)
	}{
		{"overwrite the data of", func(i *item) { i.data = content(i.kindType, token) }},
		{"empty", func(i *item) { i.data = map[string]string{} }},
		{"take the labels off", func(i *item) { i.Labels = nil }},
		{"take the replica label off", func(i *item) { delete(i.Labels, annotations.LabelReplica) }},
		{"take the annotations off", func(i *item) { i.Annotations = nil }},
		{"have the source " + to.String() + " named by", func(i *item) {
			i.Annotations[annotations.ReplicaOf] = to.String()
		}},
		{"set the replica label to pull on", func(i *item) { i.Labels[annotations.LabelReplica] = annotations.ReplicaPull }},
		{"set the replica label to nonsense on", func(i *item) { i.Labels[annotations.LabelReplica] = "banana" }},
		{"put a policy onto", func(i *item) { maps.Copy(i.Annotations, ownPolicy) }},
		{"have pulled from " + to.String(), func(i *item) { i.Annotations[annotations.PullFrom] = to.String() }},
		{"make immutable", func(i *item) { i.immutable = true }},
		{"add labels and a finalizer to", func(i *item) {
			i.Labels["mine"] = "1"
			i.Finalizers = []string{"example.com/held"}
		}},
		{"claim copied keys on", func(i *item) {
			i.Labels["mine"] = "1"
			i.Annotations[annotations.CopiedLabels] = "mine"
			i.Annotations[annotations.CopiedAnnotations] = "note,other"
		}},
	}
	if r.oneIn(4) {
		return one("delete whatever is "+p.String(), func(ctx context.Context, w *World) error {
			return w.workload.remove(ctx, p)
		})
	}
	x := changes[r.IntN(len(changes))]
	return one(x.text+" "+p.String(), func(ctx context.Context, w *World) error {
		return w.workload.edit(ctx, p, x.change)
	})
}

// race changes a source's policy, and the object at one of its targets while the controller acts on that.
func race(r random, token string, _ *Settings) []Step {
	p := sourcePlace(r)
	target := at(p.kind, pick(r, "team-a", "team-b", "dev-a"), p.Name)
	to := pick(r, nil, policy(r), map[string]string{annotations.PushTo: "none"},
		map[string]string{annotations.PushTo: "team-*,dev-*"})
	steps := one(fmt.Sprintf("change the policy of %s: %s", p, describePolicy(to)),
		func(ctx context.Context, w *World) error {
			return w.workload.edit(ctx, p, func(i *item) { i.Annotations = to })
		})
	soon := Step{After: r.between(time.Microsecond, 8*time.Millisecond)}
	mine := &item{kind: p.kind, kindType: anyType(r, p)}
	mine.Namespace, mine.Name, mine.data = target.Namespace, target.Name, content(mine.kindType, token)
	switch r.IntN(4) {
	case 0:
		soon.Text = "take the replica label off " + target.String()
		soon.execute = func(ctx context.Context, w *World) error {
			return w.workload.edit(ctx, target, func(i *item) { delete(i.Labels, annotations.LabelReplica) })
		}
	case 1:
		soon.Text = "have platform/db named by " + target.String()
		soon.execute = func(ctx context.Context, w *World) error {
			return w.workload.edit(ctx, target, func(i *item) { i.Annotations[annotations.ReplicaOf] = "platform/db" })
		}
	case 2:
		soon.Text = "put something else at " + target.String()
		soon.execute = func(ctx context.Context, w *World) error { return w.workload.put(ctx, mine.clone()) }
	default:
		changedPolicy := policy(r)
		soon.Text = fmt.Sprintf("change the policy of %s again: %s", p, describePolicy(changedPolicy))
		soon.execute = func(ctx context.Context, w *World) error {
			return w.workload.edit(ctx, p, func(i *item) { i.Annotations, i.data = changedPolicy, content(i.kindType, token) })
		}
	}
	return append(steps, soon)
}

func unrelatedObject(r random, token string, _ *Settings) []Step {
	p := anyPlace(r)
	i := &item{kind: p.kind, kindType: anyType(r, p)}
	i.Namespace, i.Name, i.Labels, i.data = p.Namespace, p.Name, labels(r), content(i.kindType, token)
	if r.oneIn(3) {
		i.Annotations = map[string]string{"note": "mine"}
	}
	return one("create "+p.String()+", unrelated to any source", func(ctx context.Context, w *World) error {
		return w.workload.create(ctx, i.clone())
	})
}

// forge writes labels and annotations that only Mirrorball should write.
func forge(r random, token string, _ *Settings) []Step {
	if r.oneIn(6) {
		return forgeRecord(sourcePlace(r), pick(r, "team-a", "platform"), token)
	}
	return forgeIn(r, token, anyNamespace(r))
}

func forgeIn(r random, token, namespace string) []Step {
	source := sourcePlace(r)
	p := at(source.kind, namespace, pick(r, objectNames...))
	i := &item{kind: p.kind, kindType: anyType(r, p)}
	i.Namespace, i.Name, i.data = p.Namespace, p.Name, content(i.kindType, token)
	mode := pick(r,
		annotations.ReplicaPush, annotations.ReplicaPush, annotations.ReplicaPush, annotations.ReplicaPull, "x")
	i.Labels, i.Annotations = replicaMarks(mode, source.NamespacedName)
	switch r.IntN(7) {
	case 0:
		i.Annotations = nil // the labels still name the source
	case 1:
		i.Labels = map[string]string{annotations.LabelReplica: mode}
		i.Annotations = nil
	case 2:
		maps.Copy(i.Annotations, policy(r))
	case 3:
		i.Annotations[annotations.KeptOnDelete] = string(annotations.Keep)
	}
	return one(fmt.Sprintf("forge a %s replica of %s at %s", mode, source, p), func(ctx context.Context, w *World) error {
		return w.workload.put(ctx, i.clone())
	})
}

// forgeRecord writes a record outside of Mirrorball's namespace, where it must have no effect.
func forgeRecord(source place, namespace, token string) []Step {
	record := informers.Record{
		Source: informers.Key{Kind: source.kind, NamespacedName: source.NamespacedName}, Type: "Opaque",
		Annotations: map[string]string{annotations.PushTo: "*", annotations.SurvivesRecreation: "true"},
	}
	return one(fmt.Sprintf("forge a record of %s in namespace %s", source, namespace),
		func(ctx context.Context, w *World) error {
			forged := itemOf(record.ConfigMap(namespace))
			forged.data["note"] = token
			return w.workload.put(ctx, forged)
		})
}

func puller(r random, token string, _ *Settings) []Step { return pullerIn(r, token, anyNamespace(r)) }

func pullerIn(r random, token, namespace string) []Step {
	source := sourcePlace(r)
	p := at(source.kind, namespace, pick(r, append(slices.Clone(objectNames), "mine")...))
	i := &item{kind: p.kind, kindType: anyType(r, p)}
	i.Namespace, i.Name, i.Labels = p.Namespace, p.Name, labels(r)
	i.data = map[string]string{}
	key := pick(r, annotations.PullFrom, annotations.PullFrom, annotations.PullFrom, reflector+"reflects",
		replicatorV+"replicate-from")
	if r.oneIn(3) || i.kindType == corev1.DockerConfigJsonKey {
		i.data = content(i.kindType, token)
		i.data["kept"] = token + "-own."
	}
	switch corev1.SecretType(i.kindType) {
	case corev1.SecretTypeDockerConfigJson, corev1.SecretTypeDockercfg:
		i.data = content(i.kindType, token)
	}
	i.Annotations = map[string]string{key: source.NamespacedName.String()}
	return one(fmt.Sprintf("create %s, which asks by %s for %s", p, key, source),
		func(ctx context.Context, w *World) error { return w.workload.put(ctx, i.clone()) })
}

// peer creates a copy as Reflector or kubernetes-replicator does.
func peer(r random, token string, _ *Settings) []Step {
	source := sourcePlace(r)
	p := at(source.kind, pick(r, "team-a", "team-b", "dev-a"), source.Name)
	byReflector, outdated := r.oneIn(2), r.oneIn(3)
	return one(fmt.Sprintf("have another controller mirror %s at %s", source, p),
		func(ctx context.Context, w *World) error {
			from, err := w.workload.get(ctx, source)
			if err != nil {
				return err
			}
			i := &item{kind: p.kind, kindType: from.kindType, data: from.data}
			i.Namespace, i.Name = p.Namespace, p.Name
			if byReflector {
				i.Annotations = map[string]string{
					reflector + "auto-reflects": "True", reflector + "reflects": source.NamespacedName.String(),
				}
			} else {
				i.Annotations = copiedByReplicator(from)
				if outdated {
					i.Annotations[replicatorV+"replicated-from-version"] = "1"
				}
			}
			return w.workload.create(ctx, i)
		})
}

// copiedByReplicator returns the annotations of a copy of kubernetes-replicator's.
func copiedByReplicator(from *item) map[string]string {
	return map[string]string{
		replicatorV + "replicated-at":           "2020-01-01T00:00:00Z",
		replicatorV + "replicated-from-version": from.ResourceVersion,
		replicatorV + "replicated-keys":         strings.Join(sortedKeys(from.data), ","),
	}
}

func account(r random, _ string, _ *Settings) []Step { return accountIn(r, anyNamespace(r)) }

func accountIn(r random, namespace string) []Step {
	n := types.NamespacedName{Namespace: namespace, Name: pick(r, accountNames...)}
	secret := pick(r, objectNames...)
	source := sourcePlace(r)
	changes := []struct {
		text   string
		change func(*corev1.ServiceAccount)
	}{
		{"name pull secret " + secret + " in", func(sa *corev1.ServiceAccount) {
			sa.ImagePullSecrets = append(sa.ImagePullSecrets, corev1.LocalObjectReference{Name: secret})
		}},
		{"take all pull secrets from", func(sa *corev1.ServiceAccount) { sa.ImagePullSecrets = nil }},
		{fmt.Sprintf("forge the attachment of %s of %s on", secret, source.NamespacedName), func(sa *corev1.ServiceAccount) {
			sa.Annotations[annotations.Attached] = secret + "=" + source.NamespacedName.String()
		}},
		{"take the annotations from", func(sa *corev1.ServiceAccount) { sa.Annotations = nil }},
	}
	if r.oneIn(3) {
		return one("create or delete the ServiceAccount "+n.String(), func(ctx context.Context, w *World) error {
			if err := w.workload.createAccount(ctx, n.Namespace, n.Name); err == nil {
				return nil
			}
			return w.workload.client.ServiceAccounts(n.Namespace).Delete(ctx, n.Name, metav1.DeleteOptions{})
		})
	}
	x := changes[r.IntN(len(changes))]
	return one(x.text+" the ServiceAccount "+n.String(), func(ctx context.Context, w *World) error {
		return w.workload.editAccount(ctx, n, x.change)
	})
}

func killStep(r random, after time.Duration, s *Settings) Step {
	if s.Lease && r.oneIn(2) {
		return failoverStep(r, after)
	}
	back := r.between(0, 20*time.Second)
	gently := r.oneIn(4)
	text := fmt.Sprintf("kill the controller, back after %s", back.Round(time.Millisecond))
	if gently {
		text = fmt.Sprintf("stop the controller, back after %s", back.Round(time.Millisecond))
	}
	return Step{After: after, Text: text, execute: func(_ context.Context, w *World) error {
		w.restart(gently, back)
		return nil
	}}
}

func kill(r random, _ string, s *Settings) []Step { return []Step{killStep(r, pause(r), s)} }

// failoverStep has the standby take over, with stores that are behind when it begins to lead.
func failoverStep(r random, after time.Duration) Step {
	var held []string
	for _, selector := range standbyWatches {
		if r.oneIn(3) {
			held = append(held, selector)
		}
	}
	behind, back := r.between(0, 10*time.Second), r.between(0, 20*time.Second)
	text := fmt.Sprintf("hold back the watches %q, kill the leader after %s, and resume them after %s", held,
		behind.Round(time.Millisecond), back.Round(time.Millisecond))
	return Step{After: after, Text: text, execute: func(_ context.Context, w *World) error {
		w.failover(held, behind, back)
		return nil
	}}
}

// standbyWatches are the selectors of watches that a standby has.
var standbyWatches = []string{
	"!" + annotations.LabelReplica, annotations.LabelReplica, informers.LabelRecord + "=policy",
	"metadata.name=" + informers.RulesName,
}

// takeover has two controllers active for a while, as when a lease is lost unnoticed.
func takeover(r random, _ string, _ *Settings) []Step {
	both := r.between(time.Millisecond, 30*time.Second)
	return one(fmt.Sprintf("start a second controller, and kill the first after %s", both.Round(time.Millisecond)),
		func(_ context.Context, w *World) error {
			w.takeover(both)
			return nil
		})
}

func changeFaultProfile(r random, _ string, _ *Settings) []Step {
	to := pick(r, NoFaults, OccasionalFaults, OccasionalFaults, OccasionalFaults, FrequentFaults, Outage)
	steps := one("fault profile: "+to.String(), func(_ context.Context, w *World) error {
		w.setFaultProfile(to)
		return nil
	})
	if to == Outage || to == FrequentFaults {
		last := r.between(time.Second, 40*time.Second)
		steps = append(steps, Step{
			After: last, Text: "fault profile: occasional",
			execute: func(_ context.Context, w *World) error {
				w.setFaultProfile(OccasionalFaults)
				return nil
			},
		})
	}
	return steps
}

func compact(_ random, _ string, _ *Settings) []Step {
	return one("compact the history", func(_ context.Context, w *World) error {
		w.server.Compact()
		w.network.count(faultHistoryCompacted)
		return nil
	})
}
