package replicator

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

type uidType = types.UID

func compare(a, b string) int { return cmp.Compare(a, b) }

// head is how many actions a pass does in any case, the most pressing of its source; turn how many where other sources
// wait for their turn, and passLimit how many at most: the plan is made again then.
const (
	head      = 3
	turn      = 256
	passLimit = 2048
)

// The outcomes of actions that the pass did not come to: because it is to plan again, or because the API server has no
// time for it.
var (
	errNotTried   = errors.New("not tried")
	errOverloaded = errors.New("not tried: the API server is overloaded or away")
)

// apply does as many actions as fit in a pass, in parallel, removals first. Every one of them is tried, whatever comes
// of the others, unless the pass is interrupted or the API server overloaded.
func (c *Controller) apply(
	ctx context.Context, key informers.Key, s *state, actions []plan.Action,
) (when, map[plan.Verb]int) {
	begin, after := time.Now(), changed
	ready := make([]plan.Action, 0, min(len(actions), passLimit))
	for _, a := range actions {
		if w := s.waits[a.Target]; w != nil && w.until.After(begin) {
			after = sooner(after, when(w.until.Sub(begin)))
			continue
		}
		if len(ready) == passLimit {
			after = now
			break
		}
		ready = append(ready, a)
	}
	if len(ready) == 0 {
		return after, nil
	}
	d, err := c.deed(ctx, key, s, ready)
	if err != nil || d == nil {
		return again, nil
	}
	wrote := map[plan.Verb]int{}
	removals, rest := split(ready)
	for _, batch := range [][]plan.Action{removals, rest} {
		for i, r := range d.all(ctx, s, batch) {
			after = sooner(after, c.settleAction(ctx, s, batch[i], r, wrote))
		}
	}
	return after, wrote
}

func split(actions []plan.Action) (removals, rest []plan.Action) {
	i := slices.IndexFunc(actions, func(a plan.Action) bool { return !a.Removes() })
	if i < 0 {
		i = len(actions)
	}
	return actions[:i], actions[i:]
}

// settleAction books one outcome, and says when to look again on its account.
func (c *Controller) settleAction(
	ctx context.Context, s *state, a plan.Action, err error, wrote map[plan.Verb]int,
) when {
	switch {
	case errors.Is(err, errNotTried):
		return now
	case errors.Is(err, errOverloaded):
		return changed // those that were tried say when
	}
	answer := classify(ctx, err)
	c.metrics.acted(a.Verb, answer)
	switch answer {
	case done:
		wrote[a.Verb]++
		if a.Verb == plan.Update && s.source != nil && s.settled == s.source.Push {
			s.repaired(a.Target, time.Now())
		} else if a.Verb != plan.Delete {
			delete(s.waits, a.Target)
		}
		return changed
	case behind:
		return again
	case leaving, stopping:
		return changed
	case unfit:
		s.setUnfit(a, err)
		return now
	case busy:
		if seconds, ok := apierrors.SuggestsClientDelay(err); ok && seconds > 0 {
			return when(time.Duration(seconds) * time.Second)
		}
		return again
	}
	w := s.fail(a.Target, reason(err), time.Now())
	klog.FromContext(ctx).Info("write refused, will be tried again", "verb", a.Verb,
		"target", klog.KRef(a.Target.Namespace, a.Target.Name), "reason", w.reason,
		"in", time.Until(w.until).Round(time.Millisecond).String())
	return when(time.Until(w.until))
}

// deed is the writing part of a pass.
type deed struct {
	c                    *Controller
	key                  informers.Key
	source               *plan.Source
	content              informers.Content
	push, pull, pullKeys informers.Content
	at                   time.Time
}

// deed has the content that the actions need, read again where it is not at hand. It is nil where the source has
// changed meanwhile: what was decided is out of date then.
func (c *Controller) deed(ctx context.Context, key informers.Key, s *state, actions []plan.Action) (*deed, error) {
	d := &deed{c: c, key: key, source: s.source, at: time.Now()}
	if !slices.ContainsFunc(actions, needsContent) {
		return d, nil
	}
	content := c.contents.get(key, s.uid, s.version)
	if content == nil {
		c.metrics.read()
		object, read, err := c.api.source(ctx, key)
		if err != nil {
			return nil, err
		}
		if object.GetUID() != s.uid || object.GetResourceVersion() != s.version.String() {
			return nil, nil
		}
		content = &read
		c.contents.put(key, s.uid, s.version, read)
	}
	var errs [3]error
	d.content = *content
	d.push, errs[0] = pushed(key, s.policy, *content)
	d.pull, errs[1] = pulled(key, s.policy, *content, false)
	d.pullKeys, errs[2] = pulled(key, s.policy, *content, true)
	return d, errors.Join(errs[:]...)
}

func needsContent(a plan.Action) bool {
	return !a.Removes() && a.Verb != plan.Attach
}

// all does the actions, each under the process's limit of writes under way, and returns their errors in order. A
// goroutine does many, one after the other: its stack has to grow once to what a request needs.
func (d *deed) all(ctx context.Context, s *state, actions []plan.Action) []error {
	errs := make([]error, len(actions))
	var next atomic.Int64
	var overloaded atomic.Bool
	var wg sync.WaitGroup
	one := func(i int) error {
		done, err := d.c.writes.begin(ctx, i < head)
		if err != nil {
			return err
		}
		defer done()
		switch {
		case d.c.yields(s, i):
			return errNotTried
		case overloaded.Load():
			return errOverloaded
		}
		// What has begun is finished when the process is asked to stop; each request has its own bound.
		return d.do(context.WithoutCancel(ctx), actions[i])
	}
	for range min(d.c.writes.limit(), len(actions)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(actions); i = int(next.Add(1)) - 1 {
				errs[i] = one(i)
				if overload(errs[i]) {
					overloaded.Store(true)
				}
			}
		})
	}
	wg.Wait()
	return errs
}

// yields says that a pass over a source does not go on to its i-th action.
func (c *Controller) yields(s *state, i int) bool {
	news := informers.News(s.news.Load())
	if i < head {
		return news >= informers.NewsOfItself
	}
	return news != informers.NewsAround || c.queue.Pressed() || i >= turn && c.queue.Len() > 0
}

func (d *deed) do(ctx context.Context, a plan.Action) error {
	switch a.Verb {
	case plan.Delete:
		return d.delete(ctx, a.At.Replica)
	case plan.Create:
		return d.create(ctx, a.Target)
	case plan.Recreate:
		return d.recreate(ctx, a)
	case plan.Update:
		err := d.update(ctx, a)
		if classify(ctx, err) == fixed {
			return d.recreate(ctx, a)
		}
		return err
	case plan.Adopt:
		return d.adopt(ctx, a)
	case plan.Fill:
		return d.fill(ctx, a)
	case plan.Attach, plan.Detach:
		return d.attach(ctx, a)
	}
	return fmt.Errorf("unknown verb %q", a.Verb)
}

func (d *deed) resource() string { return informers.Resource(d.key.Kind) }

func (d *deed) delete(ctx context.Context, r *informers.Replica) error {
	err := d.c.api.remove(ctx, d.resource(), r.Identity)
	if err == nil {
		d.c.cluster.Forget(d.key.Kind, r)
	}
	return err
}

func (d *deed) create(ctx context.Context, at types.NamespacedName) error {
	m, err := d.c.api.create(ctx, d.resource(), at.Namespace, object(d.key.Kind, at, d.push, d.at))
	return d.observe(m, d.push, err)
}

// recreate is for what can't be changed in place. Between the two requests there is no replica, as short as it gets:
// what could not be created again is not removed.
func (d *deed) recreate(ctx context.Context, a plan.Action) error {
	replica := object(d.key.Kind, a.Target, d.push, d.at)
	if err := d.c.api.refused(ctx, d.resource(), a.Target.Namespace, replica); err != nil {
		return err
	}
	if err := d.delete(ctx, a.At.Replica); err != nil {
		return err
	}
	return d.create(ctx, a.Target)
}

func (d *deed) update(ctx context.Context, a plan.Action) error {
	r := a.At.Replica
	p := newPatch(r.Version)
	p.content(d.key.Kind, d.push)
	if d.push.Immutable {
		p.add("/immutable", true)
	}
	p.unset("/metadata/labels", r.CopiedLabels, d.push.Labels)
	p.set("/metadata/labels", false, d.push.Labels)
	p.unset("/metadata/annotations", r.CopiedAnnotations, d.push.Annotations)
	p.set("/metadata/annotations", r.Bare, stamped(d.push.Annotations, d.at))
	p.unmark(d.push.Annotations)
	m, err := d.c.api.patch(ctx, d.resource(), a.Target, p)
	return d.observe(m, d.push, err)
}

// adopt makes a replica of what a peer made of the same source.
func (d *deed) adopt(ctx context.Context, a plan.Action) error {
	if a.At.Candidate.Claims.Mirror == nil {
		content, err := d.read(ctx, a)
		if err != nil {
			return err
		}
		if err := d.ownCopy(a.At.Candidate.Claims.PushedVersion, content); err != nil {
			return err
		}
	}
	return d.mark(ctx, a, true, d.push)
}

// ownCopy is nil for a copy that kubernetes-replicator made of this very source, which it does not name. It has no data
// but what it was given, and either records the source's present version, which no other object has, or has the
// source's present content: so nothing is lost with it but what somebody changed in a copy.
func (d *deed) ownCopy(version string, c informers.Content) error {
	given := annotations.GivenKeys(c.Annotations)
	for _, keys := range []map[string][]byte{c.Data, c.Binary} {
		for key := range keys {
			if !slices.Contains(given, key) {
				return &unfitError{"another controller merged its copy into an object that has data of its own"}
			}
		}
	}
	same := maps.EqualFunc(c.Data, d.content.Data, bytes.Equal) && maps.EqualFunc(c.Binary, d.content.Binary, bytes.Equal)
	if !same && version != d.source.Version.String() {
		return &unfitError{"another controller made it, of another source or of another version of this one"}
	}
	return nil
}

// fill writes the content, and Mirrorball's marks, into an object that pulls.
func (d *deed) fill(ctx context.Context, a plan.Action) error {
	want := d.pull
	if a.Pull.Dialect == annotations.Replicator {
		own, err := d.read(ctx, a)
		if err != nil {
			return err
		}
		want = merged(own, d.pullKeys)
	}
	return d.mark(ctx, a, a.At.Replica == nil, want)
}

// read reads the object that the action was decided on: its content is not in the caches.
func (d *deed) read(ctx context.Context, a plan.Action) (informers.Content, error) {
	object, content, err := d.c.api.source(ctx, informers.Key{Kind: d.key.Kind, NamespacedName: a.Target})
	if err == nil && object.GetResourceVersion() != a.At.Identity().Version.String() {
		resource := corev1.Resource(d.resource())
		return content, apierrors.NewConflict(resource, a.Target.Name, errors.New("it has changed meanwhile"))
	}
	return content, err
}

// merged is the source's keys beside the object's own.
func merged(object, source informers.Content) informers.Content {
	given := annotations.GivenKeys(object.Annotations)
	out := source
	out.Data, out.Binary = map[string][]byte{}, map[string][]byte{}
	for _, part := range []struct{ own, source, out map[string][]byte }{
		{object.Data, source.Data, out.Data}, {object.Binary, source.Binary, out.Binary},
	} {
		for key, value := range part.own {
			_, text := source.Data[key]
			_, binary := source.Binary[key]
			if !text && !binary && !slices.Contains(given, key) {
				part.out[key] = value
			}
		}
		maps.Copy(part.out, part.source)
	}
	return out
}

// mark patches an object that may have no labels yet. It always has annotations: they are why it is written to. The
// type of one that is fresh goes into the patch, unchanged or refused: a candidate's is not known.
func (d *deed) mark(ctx context.Context, a plan.Action, fresh bool, want informers.Content) error {
	p := newPatch(a.At.Identity().Version)
	if fresh && d.key.Kind == annotations.Secret {
		p.add("/type", d.source.Type)
	}
	p.content(d.key.Kind, want)
	if want.Immutable {
		p.add("/immutable", true)
	}
	bare := a.At.Candidate != nil && a.At.Replica == nil && a.At.Candidate.Unlabelled
	p.set("/metadata/labels", bare, want.Labels)
	p.set("/metadata/annotations", false, stamped(want.Annotations, d.at))
	p.unmark(want.Annotations)
	m, err := d.c.api.patch(ctx, d.resource(), a.Target, p)
	if fresh && classify(ctx, err) == fixed {
		if fixedField(err) == "type" {
			return &unfitError{"its type is not the source's, " + d.source.Type}
		}
		return &unfitError{"it is immutable and cannot follow"}
	}
	if err != nil {
		return err
	}
	if a.Pull != nil {
		return nil // the watch brings it, with its claims
	}
	return d.observe(m, want, nil)
}

// observe takes a write's answer into the caches, so that nothing is written twice.
func (d *deed) observe(m *metav1.PartialObjectMetadata, content informers.Content, err error) error {
	if err != nil {
		return err
	}
	content.Labels, content.Annotations = m.Labels, m.Annotations
	r, err := d.c.digestKey.Replica(m, content)
	if err != nil {
		return err
	}
	d.c.cluster.Observe(d.key.Kind, r)
	return nil
}

// attach adds to, or takes from, a ServiceAccount's imagePullSecrets, together with the memory of it.
func (d *deed) attach(ctx context.Context, a plan.Action) error {
	sa := *a.Account
	sa.PullSecrets, sa.Attached = slices.Clone(sa.PullSecrets), maps.Clone(sa.Attached)
	if sa.Attached == nil {
		sa.Attached = map[string]types.NamespacedName{}
	}
	if a.Verb == plan.Attach {
		sa.PullSecrets = append(sa.PullSecrets, a.Secret)
		sa.Attached[a.Secret] = d.key.NamespacedName
	} else {
		sa.PullSecrets = slices.DeleteFunc(sa.PullSecrets, func(s string) bool { return s == a.Secret })
		delete(sa.Attached, a.Secret)
	}
	refs := make([]map[string]string, 0, len(sa.PullSecrets))
	for _, name := range sa.PullSecrets {
		refs = append(refs, map[string]string{"name": name})
	}
	p := newPatch(sa.Version)
	p.add("/imagePullSecrets", refs)
	if memory := attachedList(sa.Attached); memory != "" {
		p.set("/metadata/annotations", sa.Bare, map[string]string{annotations.Attached: memory})
	} else {
		p.unset("/metadata/annotations", []string{annotations.Attached}, nil)
	}
	m, err := d.c.api.patch(ctx, "serviceaccounts", a.Target, p)
	if err != nil {
		return err
	}
	if sa.Identity, err = informers.IdentityOf(m); err != nil {
		return err
	}
	sa.Bare = len(m.Annotations) == 0
	d.c.cluster.ObserveAccount(&sa)
	return nil
}

func attachedList(attached map[string]types.NamespacedName) string {
	var entries []string
	for _, secret := range slices.Sorted(maps.Keys(attached)) {
		entries = append(entries, secret+"="+attached[secret].String())
	}
	return strings.Join(entries, ",")
}
