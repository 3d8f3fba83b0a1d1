package replicator

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

// records keeps, in Mirrorball's own namespace, the policies of sources that have to outlive them.
type records struct {
	api       *api
	namespace string
}

// read returns the record of a source as the API server has it, or nil.
func (r *records) read(ctx context.Context, key informers.Key) (*informers.Record, error) {
	cm, err := r.api.configMap(ctx, types.NamespacedName{Namespace: r.namespace, Name: informers.RecordName(key)})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	case cm.Labels[informers.LabelRecord] == "":
		return nil, nil // somebody else's ConfigMap
	}
	record, err := informers.ParseRecord(cm)
	if err != nil || record.Source != key {
		return nil, err
	}
	return record, nil
}

// save makes what is recorded equal to want; have is what the watch shows, and nil where it shows nothing.
func (r *records) save(ctx context.Context, have, want *informers.Record) error {
	if have != nil && have.Same(want) {
		return nil
	}
	object := want.ConfigMap(r.namespace)
	var err error
	if have == nil {
		_, err = r.api.create(ctx, "configmaps", object.Namespace, object)
	} else {
		p := newPatch(have.Version)
		p.add("/data", object.Data)
		_, err = r.api.patch(ctx, "configmaps", have.NamespacedName, p)
	}
	switch classify(ctx, err) {
	case succeeded, stale, stopping:
		return nil
	}
	return fmt.Errorf("cannot save the policy in namespace %s: %s; until it is saved, it does not survive a "+
		"recreation of the source or a restart of the controller; check RBAC and quota there", r.namespace, reason(err))
}

// delete deletes a record at the version that the watch shows.
func (r *records) delete(ctx context.Context, record *informers.Record) error {
	err := r.api.delete(ctx, "configmaps", record.Identity)
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete the record of %s: %s", record.Source, reason(err))
	}
	return nil
}

// update records the policy of an active source that has to outlive it, and since when it is one; and removes the
// record of a source whose policy has not.
func (r *records) update(ctx context.Context, p *pass, since time.Time) error {
	key, l, view := p.key, p.state.loaded, &p.observed.view
	if !l.policy.SurvivesRecreation && l.policy.OnDelete != annotations.Keep {
		if view.Record != nil {
			return r.delete(ctx, view.Record)
		}
		return nil
	}
	return r.save(ctx, view.Record, &informers.Record{
		Source: key, SourceUID: l.uid, Since: since, Type: l.source.Type, Annotations: view.Candidate.Annotations,
	})
}
