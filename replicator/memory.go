package replicator

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// remember keeps, in Mirrorball's own namespace, the policy of an active source that has to outlive it.
func (c *Controller) remember(ctx context.Context, key informers.Key, s *state, f *finding) error {
	if f.life != plan.Active {
		return nil
	}
	have := c.cluster.Record(key)
	if !s.policy.SurvivesRecreation && s.policy.OnDelete != annotations.Keep {
		if have != nil {
			return c.forget(ctx, have)
		}
		return nil
	}
	at := c.cluster.At(key)
	if at.Candidate == nil || at.Candidate.Version != s.version {
		return nil // comes with the watch
	}
	want := &informers.Record{
		Source: key, SourceUID: s.uid, Type: s.source.Type, Annotations: at.Candidate.Annotations,
	}
	if have != nil && have.Same(want) {
		return nil
	}
	object := want.ConfigMap(c.options.Namespace)
	var err error
	if have == nil {
		_, err = c.api.create(ctx, "configmaps", object.Namespace, object)
	} else {
		p := newPatch(have.Version)
		p.add("/data", object.Data)
		_, err = c.api.patch(ctx, "configmaps", have.Name, p)
	}
	switch classify(ctx, err) {
	case done, behind, stopping:
		return nil
	}
	return fmt.Errorf("its policy can't be remembered in namespace %s (%s): until it is, it does not survive a "+
		"recreation, nor a restart of the controller after its deletion", c.options.Namespace, reason(err))
}

func (c *Controller) forget(ctx context.Context, r *informers.Record) error {
	err := c.api.remove(ctx, "configmaps", r.Identity)
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("forget %s: %s", r.Source, reason(err))
	}
	return nil
}

// writeBack puts the remembered policy onto a source that was made again without one, unless it is no longer what is
// remembered: its owner may have withdrawn it, and the streams be behind.
func (c *Controller) writeBack(ctx context.Context, key informers.Key, f finding) when {
	r := f.writeBack
	live, err := c.api.metadata(ctx, informers.Key{Kind: annotations.ConfigMap, Name: r.Name})
	if err != nil || live.UID != r.UID || live.ResourceVersion != r.Version.String() {
		return again
	}
	p := newPatch(f.version)
	p.set("/metadata/annotations", f.bare, r.Annotations)
	_, err = c.api.patch(ctx, informers.Resource(key.Kind), key.Name, p)
	c.metrics.acted("restore", classify(ctx, err))
	if err != nil {
		return again
	}
	klog.FromContext(ctx).Info("policy written back onto a source that was created again")
	return changed
}
