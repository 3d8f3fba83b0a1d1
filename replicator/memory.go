package replicator

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
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
		_, err = c.api.patch(ctx, "configmaps", have.NamespacedName, p)
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

// record reads what is remembered of a source; nil where that is nothing.
func (c *Controller) record(ctx context.Context, key informers.Key) (*informers.Record, error) {
	cm, err := c.api.configMap(ctx, types.NamespacedName{Namespace: c.options.Namespace, Name: informers.RecordName(key)})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	case cm.Labels[informers.LabelRecord] == "":
		return nil, nil // somebody else's
	}
	r, err := informers.ParseRecord(cm)
	if err != nil || r.Source != key {
		return nil, err
	}
	return r, nil
}

// writeBack puts the remembered policy onto a source that was made again without one.
func (c *Controller) writeBack(ctx context.Context, key informers.Key, f finding) when {
	p := newPatch(f.version)
	p.set("/metadata/annotations", f.bare, f.writeBack)
	_, err := c.api.patch(ctx, informers.Resource(key.Kind), key.NamespacedName, p)
	c.metrics.acted("restore", classify(ctx, err))
	if err != nil {
		return again
	}
	klog.FromContext(ctx).Info("policy written back onto a source that was created again")
	return changed
}
