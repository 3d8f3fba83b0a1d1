package replicator

import (
	"context"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

// restore puts the recorded policy back, and says how to end it where it was taken off an object that is the same.
func (c *Controller) restore(ctx context.Context, p *pass) (result, error) {
	r, err := c.observer.restore(ctx, p.key, &p.observed)
	if o := &p.observed; err == nil && r == done && o.LiveUID == o.KnownUID {
		c.reporter.recorder.Normal(ctx, warningKey{subject: p.key}.eventSubject(o.LiveUID), reasonRestored,
			"all annotations of the source were removed in one update, as by kubectl replace, and were restored because of "+
				annotations.SurvivesRecreation+"; to stop mirroring, set that to \"false\" first, then remove them")
	}
	return r, err
}

// restore writes the recorded policy onto the object that was created in a source's place without one.
func (b *observer) restore(ctx context.Context, key informers.Key, o *observation) (result, error) {
	version, err := informers.ParseVersion(o.object.GetResourceVersion())
	if err != nil {
		return done, err
	}
	p := newPatch(version)
	p.set("/metadata/annotations", len(o.object.GetAnnotations()) == 0, o.record.Annotations)
	_, err = b.api.patch(ctx, informers.Resource(key.Kind), key.NamespacedName, p)
	b.metrics.acted("restore", classify(ctx, err))
	if err != nil {
		return result{requeue: requeueWithBackoff}, nil //nolint:nilerr // the metric counts it; the watch tells what is so
	}
	klog.FromContext(ctx).Info("restored the policy of a source that was created again")
	return done, nil
}

// isBare reports whether nothing tells the object from the source that stood in its place, created again by somebody
// who does not know of Mirrorball. A replica or an object that pulls is another's: it must not be made a source.
func isBare(key informers.Key, object metav1.Object) bool {
	_, isReplica := object.GetLabels()[annotations.LabelReplica]
	claims := annotations.Parse(key.Namespace, key.Name, object.GetAnnotations())
	isReplica = isReplica || object.GetAnnotations()[annotations.ReplicaOf] != ""
	return !isReplica && claims.PullFrom == nil && claims.Mirror == nil && claims.PushedVersion == "" &&
		len(claims.Problems) == 0
}

// takesPolicy reports whether the recorded policy is in force once it stands beside the annotations that there are.
func takesPolicy(key informers.Key, object metav1.Object, record *informers.Record) bool {
	both := map[string]string{}
	maps.Copy(both, object.GetAnnotations())
	maps.Copy(both, record.Annotations)
	claims := annotations.Parse(key.Namespace, key.Name, both)
	return claims.Policy != nil && len(claims.Problems) == 0
}
