package replicator

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

// records keeps, in Mirrorball's own namespace, the policies of sources that have to outlive them.
type records struct {
	api       *api
	cluster   *informers.Cluster
	namespace string
}

// maxRecords is how many sources in one namespace are remembered, so that nobody can fill the memory or the namespace.
const maxRecords = 200

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
	if err != nil || record.Problem != "" || record.Source != key {
		return nil, err
	}
	return record, nil
}

// save makes what is recorded equal to want; have is what the watch shows, and nil where it shows nothing.
func (r *records) save(ctx context.Context, have, want *informers.Record) error {
	if have != nil && have.Same(want) {
		return nil
	}
	var m *metav1.PartialObjectMetadata
	var err error
	if have == nil {
		if m, err = r.create(ctx, want); classify(ctx, err) == stale {
			m, err = r.replace(ctx, want)
		}
	} else {
		m, err = r.patch(ctx, have.Identity, want)
	}
	switch classify(ctx, err) {
	case succeeded:
		return r.observe(m, want)
	case stale, stopping:
		return nil
	}
	return notRemembered("cannot save the policy in namespace " + r.namespace + ": " + reason(err) +
		"; check RBAC and quota there")
}

func (r *records) create(ctx context.Context, want *informers.Record) (*metav1.PartialObjectMetadata, error) {
	return r.api.create(ctx, "configmaps", r.namespace, want.ConfigMap(r.namespace))
}

func (r *records) patch(
	ctx context.Context, id informers.Identity, want *informers.Record,
) (*metav1.PartialObjectMetadata, error) {
	p := newPatch(id.Version)
	p.add("/data", want.ConfigMap(r.namespace).Data)
	return r.api.patch(ctx, "configmaps", id.NamespacedName, p)
}

// replace writes over a record that can't be read. One that can be read is left to the watch.
func (r *records) replace(ctx context.Context, want *informers.Record) (*metav1.PartialObjectMetadata, error) {
	name := types.NamespacedName{Namespace: r.namespace, Name: informers.RecordName(want.Source)}
	conflict := apierrors.NewAlreadyExists(corev1.Resource("configmaps"), name.Name)
	cm, err := r.api.configMap(ctx, name)
	if err != nil || cm.Labels[informers.LabelRecord] == "" {
		return nil, conflict
	}
	found, err := informers.ParseRecord(cm)
	if err != nil || found.Problem == "" {
		return nil, conflict
	}
	return r.patch(ctx, found.Identity, want)
}

// observe takes a write's answer into the caches, so that the next source knows how many records there are.
func (r *records) observe(m *metav1.PartialObjectMetadata, want *informers.Record) error {
	cm := want.ConfigMap(r.namespace)
	cm.ObjectMeta = m.ObjectMeta
	record, err := informers.ParseRecord(cm)
	if err == nil {
		r.cluster.ObserveRecord(record)
	}
	return err
}

func notRemembered(why string) error {
	return errors.New(why + "; until it is saved, the policy does not survive a recreation of the source or a restart " +
		"of the controller")
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
func (r *records) update(ctx context.Context, p *pass, began time.Time) error {
	have := p.observed.view.Record
	want, problem := r.wanted(p, began)
	switch {
	case want != nil:
		return r.save(ctx, have, want)
	case have != nil:
		if err := r.delete(ctx, have); err != nil { // a policy that is not in force any more must not come back
			return err
		}
	}
	return problem
}

// wanted returns what is to be recorded of an active source, or nil; and why its policy can't be, where it should.
func (r *records) wanted(p *pass, began time.Time) (*informers.Record, error) {
	key, l, view := p.key, p.state.loaded, &p.observed.view
	if !l.policy.SurvivesRecreation && l.policy.OnDelete != annotations.Keep {
		return nil, nil
	}
	want := &informers.Record{
		Source: key, SourceUID: l.uid, Since: began, Type: l.source.Type, Annotations: view.Candidate.Annotations,
	}
	//mutant:size-of-records
	if want.IsTooLarge() {
		return nil, notRemembered(fmt.Sprintf("cannot save the policy: its annotations have more than %d bytes; shorten "+
			"them", informers.MaxRecordBytes))
	}
	//mutant:number-of-records
	if view.Record == nil && r.cluster.CountRecords(key.Namespace) >= maxRecords {
		return nil, notRemembered(fmt.Sprintf("cannot save the policy: %d sources in the namespace are remembered, which "+
			"is the limit; remove "+annotations.SurvivesRecreation+" and "+annotations.OnDelete+" from some", maxRecords))
	}
	return want, nil
}
