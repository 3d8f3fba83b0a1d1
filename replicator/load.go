package replicator

import (
	"context"
	"fmt"
	"maps"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// refusedTypes are Secrets that are never sources: their content is bound to their place, or the API server's own.
var refusedTypes = map[string]bool{
	"kubernetes.io/service-account-token": true,
	"bootstrap.kubernetes.io/token":       true,
	"helm.sh/release.v1":                  true,
}

// loaded is one version of a source, as it was read. Policy and content are of one and the same read, so that no
// content goes where its own annotations do not send it.
type loaded struct {
	uid     types.UID
	version informers.Version
	policy  *annotations.Policy
	// annotations are those that make the policy.
	annotations map[string]string
	// source is nil where there is a refusal or a problem.
	source *plan.Source
	// refusal says why it is no source whatever its annotations say, and problems are what only its content shows.
	refusal  string
	problems []annotations.Problem
}

// use takes a policy that is equal to the present one.
func (l *loaded) use(p *annotations.Policy) {
	l.policy = p
	if l.source != nil {
		l.source.Policy = p
	}
}

// isSource reports whether an object is, in all that says where its content may go, still the source that was read.
// That its content has changed does not matter: a source that is written all the time would never come to its removals.
func (l *loaded) isSource(object metav1.Object) bool {
	notes := object.GetAnnotations()
	if _, isReplica := object.GetLabels()[annotations.LabelReplica]; isReplica || object.GetUID() != l.uid {
		return false
	}
	return maps.Equal(annotations.PolicyAnnotations(notes), l.annotations) &&
		annotations.Parse(object.GetNamespace(), object.GetName(), notes).Policy != nil
}

func (l *loaded) reading() plan.Reading {
	switch {
	case l.refusal != "":
		return plan.ReadingRefused
	case len(l.problems) > 0:
		return plan.ReadingUnreadable
	}
	return plan.ReadingDone
}

// load reads a source and computes what its replicas have to be. It returns nil where the API server shows no source:
// the watch is behind then.
func (b *observer) load(ctx context.Context, key informers.Key) (*loaded, error) {
	b.metrics.read()
	object, content, err := b.reader.source(ctx, key)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the source: %s", reason(err))
	}
	id, err := informers.IdentityOf(object)
	if err != nil {
		return nil, err
	}
	claims := annotations.Parse(key.Namespace, key.Name, object.GetAnnotations())
	_, isReplica := object.GetLabels()[annotations.LabelReplica]
	if isReplica || claims.Policy == nil || claims.Policy.Paused {
		return nil, nil
	}
	l := &loaded{
		uid: id.UID, version: id.Version, policy: claims.Policy,
		annotations: annotations.PolicyAnnotations(object.GetAnnotations()),
	}
	switch {
	case refusedTypes[content.Type]:
		l.refusal = "Secrets of type " + content.Type + " are never mirrored; remove the annotations"
		return l, nil
	case len(claims.Problems) > 0:
		l.problems = claims.Problems
		return l, nil
	}
	source := &plan.Source{Identity: id, Type: content.Type, Policy: claims.Policy}
	if l.problems = b.digests(key, source, content); len(l.problems) > 0 {
		return l, nil
	}
	l.source = source
	b.contents.put(key, id.UID, id.Version, content)
	return l, nil
}

// digests computes what replicas in sync look like. The only thing that can be wrong here is the annotation that names
// the data keys.
func (b *observer) digests(key informers.Key, s *plan.Source, content informers.Content) []annotations.Problem {
	d, err := desiredOf(key, s.Policy, content)
	if err != nil {
		return []annotations.Problem{{
			Key: annotations.Keys, Value: content.Annotations[annotations.Keys], Reason: err.Error(),
		}}
	}
	s.Push, s.Pull, s.PullKeys = b.digestKey.Digest(d.push), b.digestKey.Digest(d.pull), b.digestKey.Digest(d.pullKeys)
	s.Plain, s.Prefixed = b.digestKey.Digest(d.plain), prefixed(d.push)
	return nil
}
