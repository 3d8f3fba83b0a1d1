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

// recordName is the name of a source's record in Mirrorball's own namespace.
func recordName(namespace string, source informers.Key) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: informers.RecordName(source)}
}

// read returns the record of a source as the API server has it, or nil.
func (r *records) read(ctx context.Context, key informers.Key) (*informers.Record, error) {
	cm, err := r.api.configMap(ctx, recordName(r.namespace, key))
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

// backoffKey is that of a source's record, which is written with backoff as everything else is.
func (r *records) backoffKey(source informers.Key, removal bool) backoffKey {
	return backoffKey{informers.Key{Kind: recordKind, NamespacedName: recordName(r.namespace, source)}, removal}
}

// recordWritten counts a write. If the source has not changed and its record needs another one soon, somebody undoes
// it.
func (p *pass) recordWritten(key backoffKey) {
	if p.observed.reloaded {
		delete(p.state.backoffs, key)
	} else {
		p.state.backoffs.succeeded(key, "", time.Now())
	}
}

// save makes what is recorded of a pass's source equal to want, which it is not.
func (r *records) save(ctx context.Context, p *pass, want *informers.Record) error {
	have, key := p.observed.view.Record, r.backoffKey(p.key, false)
	if p.state.backoffs.remaining(key, time.Now()) > 0 {
		if rejected := p.state.backoffs[key].reason; rejected != "" {
			return r.notSaved(rejected)
		}
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
		p.recordWritten(key)
		return r.cacheRecord(m, want)
	case stale, stopping:
		return nil
	case overloaded:
	default:
		p.state.backoffs.failed(key, reason(err), time.Now())
	}
	return r.notSaved(reason(err))
}

func (r *records) notSaved(why string) error {
	return notRemembered("cannot save the policy in namespace " + r.namespace + ": " + why +
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
	name := recordName(r.namespace, want.Source)
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

// cacheRecord takes a write's answer into the caches, so that the next source knows how many records there are.
func (r *records) cacheRecord(m *metav1.PartialObjectMetadata, want *informers.Record) error {
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

// delete deletes the record of a pass's source, unless it has come back too often.
func (r *records) delete(ctx context.Context, p *pass, record *informers.Record) error {
	key := r.backoffKey(p.key, true)
	if p.state.backoffs.remaining(key, time.Now()) > 0 {
		return nil
	}
	err := r.deleteNow(ctx, record)
	if err == nil {
		p.recordWritten(key)
	}
	return err
}

// deleteNow deletes a record at the version that the watch shows.
func (r *records) deleteNow(ctx context.Context, record *informers.Record) error {
	err := r.api.delete(ctx, "configmaps", record.Identity)
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete the record of %s: %s", record.Source, reason(err))
	}
	return nil
}

// update records the policy of an active source that has to outlive it, and since when it is one; and removes the
// record of a source whose policy has not. Nothing is written on what was read in an earlier pass unless the API server
// confirms it: two processes, one of them behind, would undo each other's writes for as long as both are active.
func (r *records) update(ctx context.Context, p *pass, began time.Time) error {
	have := p.observed.view.Record
	want, problem := r.wanted(p, began)
	if want == nil && have == nil || want != nil && have != nil && have.Same(want) {
		return problem
	}
	//mutant:record-of-present-policy
	if !p.observed.reloaded {
		if current, err := r.api.isCurrent(ctx, p.key, p.state.loaded); err != nil || !current {
			return err
		}
	}
	if want != nil {
		return r.save(ctx, p, want)
	}
	if err := r.delete(ctx, p, have); err != nil { // a policy that is not in force any more must not come back
		return err
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
		Source: key, SourceUID: l.uid, Since: began, Type: l.source.Type, Annotations: l.annotations,
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
