package replicator

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// reconcile makes one pass over a source: gather, plan, apply, report.
func (c *Controller) reconcile(ctx context.Context, key informers.Key) (when, error) {
	s := c.state(key)
	if rest := time.Until(s.rest); rest > 0 {
		return when(rest), nil
	}
	s.news.Store(int64(informers.NewsAround))
	s.calm(time.Now())

	f, err := c.look(ctx, key, s)
	if err != nil {
		return changed, err
	}
	if f.writeBack != nil {
		return c.writeBack(ctx, key, f), nil
	}
	if err := c.remember(ctx, key, s, &f); err != nil {
		f.warn(key, s.uid, reasonForgotten, err.Error())
		f.after = sooner(f.after, when(maxWait))
	}
	w := c.world(key, s, f)
	begin := time.Now()
	p := plan.Make(w)
	s.tire(time.Since(begin))
	if p.Err != nil {
		f.condition = conditionFrozen
		f.warn(key, s.uid, reasonFrozen, p.Err.Error())
		f.after = sooner(f.after, when(maxWait)) // the machine may have been slow
	}

	if f.life == plan.Active && slices.ContainsFunc(p.Actions, deletes) && !c.still(ctx, key, s) {
		return again, nil
	}
	after, wrote := c.apply(ctx, key, s, p.Actions)
	if ctx.Err() != nil {
		return changed, ctx.Err()
	}
	if len(wrote) > 0 {
		c.queue.Forget(key) // it gets on: no need to look less and less often
	}
	if f.life == plan.Active && p.Err == nil && sum(wrote) == len(p.Actions) {
		s.settled = s.source.Push
	}

	c.report(ctx, key, s, &f, w, p, wrote)
	after = sooner(after, f.after)
	if p.Behind {
		return sooner(after, again), nil
	}
	if f.life == plan.Ended && len(p.Actions) == 0 {
		return after, c.leave(ctx, key, s, f)
	}
	return after, nil
}

func deletes(a plan.Action) bool { return a.Verb == plan.Delete }

func sum(wrote map[plan.Verb]int) (n int) {
	for _, times := range wrote {
		n += times
	}
	return n
}

// leave forgets a source of which nothing is left.
func (c *Controller) leave(ctx context.Context, key informers.Key, s *state, f finding) error {
	if r := c.cluster.Record(key); r != nil && f.forget {
		if err := c.forget(ctx, r); err != nil {
			return err
		}
	}
	if len(s.told) == 0 {
		c.drop(key)
	}
	return nil
}

// world gathers what the decision depends on.
func (c *Controller) world(key informers.Key, s *state, f finding) *plan.World {
	w := &plan.World{
		Key: key, Life: f.life,
		Namespaces: c.cluster.Namespaces(), Replicas: c.replicas(key), Pullers: c.cluster.Pullers(key),
		Attached: nil, Accounts: c.cluster.AccountsIn, Protected: c.protected,
	}
	if key.Kind == annotations.Secret {
		w.Attached = c.cluster.AttachedTo(key.NamespacedName)
	}
	if f.life != plan.Active {
		return w
	}
	w.Source, w.Unfit = *s.source, s.unfit
	target := s.policy.ReplicaName(key.Name)
	w.Places = c.cluster.Places(key.Kind, target, w.Namespaces)
	for _, r := range c.cluster.Rivals(key, target) {
		if len(r.Claims.Problems) == 0 && c.options.SourceNamespaces.Match(r.Namespace) && !c.standsAside(key.Kind, r.NamespacedName) {
			w.Rivals = append(w.Rivals, plan.Rival{Identity: r.Identity, Policy: r.Claims.Policy})
		}
	}
	return w
}

// replicas are the objects that name the source as theirs and may be removed on its account. One that has a policy of
// its own, and replicas, is a source that somebody has labelled: were it removed, they would be, too.
func (c *Controller) replicas(key informers.Key) []*informers.Replica {
	return slices.DeleteFunc(c.cluster.ReplicasOf(key), func(r *informers.Replica) bool {
		return r.Claims != nil && r.Claims.Policy != nil && c.cluster.HasReplicas(informers.Key{Kind: key.Kind, NamespacedName: r.NamespacedName})
	})
}

// protected bars the operator's namespaces, and Mirrorball's own: a replica there could pose as its memory.
func (c *Controller) protected(namespace string) bool {
	return namespace == c.options.Namespace || c.options.ProtectedNamespaces.Match(namespace)
}

// standsAside says that a source does not contend for its targets: it is refused, or frozen by what only its content
// shows.
func (c *Controller) standsAside(kind annotations.Kind, n types.NamespacedName) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.states[informers.Key{Kind: kind, NamespacedName: n}]
	return s != nil && standsAside(s.condition)
}

func standsAside(condition string) bool {
	return condition == conditionRefused || condition == conditionFrozen
}

// report tells of what changed: events, metrics, and one line in the log.
func (c *Controller) report(
	ctx context.Context, key informers.Key, s *state, f *finding, w *plan.World, p plan.Plan, wrote map[plan.Verb]int,
) {
	counts := map[plan.State]int{}
	places := map[plan.State][]types.NamespacedName{}
	reasons := map[plan.State]string{}
	for _, v := range p.Verdicts {
		counts[v.State]++
		if v.Pull {
			c.reportPuller(w, f, v)
			continue
		}
		places[v.State] = append(places[v.State], v.NamespacedName)
		if reasons[v.State] == "" {
			reasons[v.State] = v.Reason
		}
	}
	for state, reason := range map[plan.State]string{
		plan.Occupied: reasonOccupied, plan.Conflict: reasonConflict, plan.Unreadable: reasonUnreadable,
	} {
		if at := places[state]; len(at) > 0 {
			f.warn(key, s.uid, reason, fmt.Sprintf("nothing is written at %d of its targets (%s): %s",
				len(at), enumerate(at), reasons[state]))
		}
	}
	c.reportWaits(key, s, f)
	if f.life != plan.Active {
		c.reportWithoutSource(key, w, f)
	}
	c.events.tell(ctx, s, f.warnings)
	if c.settle(s, f.condition, counts) {
		// Those that yielded to it could not know that it would not take its targets.
		for _, rival := range c.cluster.Rivals(key, s.policy.ReplicaName(key.Name)) {
			c.queue.Add(informers.Key{Kind: key.Kind, NamespacedName: rival.NamespacedName})
		}
	}

	if len(wrote) > 0 {
		s.wrote = true
		verbs := []any{}
		for _, v := range slices.Sorted(maps.Keys(wrote)) {
			verbs = append(verbs, string(v), wrote[v])
		}
		klog.FromContext(ctx).Info("replicated", verbs...)
	}
	if f.life != plan.Active || len(p.Actions) > 0 || len(s.waits) > 0 {
		return
	}
	if n := counts[plan.InSync]; s.wrote && !s.announced && n > 0 && len(f.warnings) == 0 {
		s.announced = true
		c.events.send(ctx, warningKey{subject: key, reason: reasonReplicated}, s.uid, corev1.EventTypeNormal,
			fmt.Sprintf("in sync at all of its targets, %d in number", n))
	}
	s.wrote = false
}

func (c *Controller) reportPuller(w *plan.World, f *finding, v plan.Verdict) {
	reason := map[plan.State]string{plan.Forbidden: reasonNotPermitted, plan.Mismatched: reasonMismatched}[v.State]
	if reason == "" {
		return
	}
	f.warn(informers.Key{Kind: w.Key.Kind, NamespacedName: v.NamespacedName}, c.uidOf(w.Key.Kind, v.NamespacedName), reason,
		"it does not follow "+w.Key.NamespacedName.String()+": "+v.Reason)
}

// reportWithoutSource tells objects that pull that there is nothing to follow.
func (c *Controller) reportWithoutSource(key informers.Key, w *plan.World, f *finding) {
	if f.life == plan.Held {
		return
	}
	for _, p := range w.Pullers {
		if id := p.Identity(); id != nil && !id.Deleting {
			f.warn(informers.Key{Kind: key.Kind, NamespacedName: id.NamespacedName}, id.UID, reasonNoSource,
				"there is no source "+key.NamespacedName.String()+" that permits pulling; its data stays as it is")
		}
	}
}

func (c *Controller) uidOf(kind annotations.Kind, n types.NamespacedName) (uid uidType) {
	if id := c.cluster.At(informers.Key{Kind: kind, NamespacedName: n}).Identity(); id != nil {
		return id.UID
	}
	return ""
}

func (c *Controller) reportWaits(key informers.Key, s *state, f *finding) {
	byReason := map[string][]types.NamespacedName{}
	for n, w := range s.waits {
		if w.until.After(time.Now()) {
			byReason[w.reason] = append(byReason[w.reason], n)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(byReason)) {
		at := byReason[why]
		slices.SortFunc(at, func(a, b types.NamespacedName) int { return compare(a.String(), b.String()) })
		if why == "" {
			f.warn(key, s.uid, reasonContended, fmt.Sprintf("something keeps changing %d of its replicas (%s); they "+
				"are put back less and less often", len(at), enumerate(at)))
			continue
		}
		f.warn(key, s.uid, reasonBlocked, fmt.Sprintf("the API server refuses writes at %d of its targets (%s): %s; "+
			"tried again, less and less often", len(at), enumerate(at), why))
	}
}
