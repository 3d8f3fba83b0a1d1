package replicator

import (
	"context"
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

// restoreKey is that of the source itself, which is written with backoff as its replicas are.
func restoreKey(source informers.Key) backoffKey { return backoffKey{Key: source} }

// restore writes the recorded policy onto the object that stands in a source's place without one, and says how to end
// it where it was taken off an object that is the same.
func (c *Controller) restore(ctx context.Context, p *pass) (result, error) {
	o, key, now := &p.observed, restoreKey(p.key), time.Now()
	err := c.writePolicy(ctx, p.key, o)
	answer := classify(ctx, err)
	c.metrics.acted(VerbRestore, answer)
	switch answer {
	case succeeded:
		p.state.backoffs.succeeded(key, "", now)
	case blocked:
		p.state.backoffs.failed(key, reason(err), now)
		return result{requeue: requeueNow}, nil // to say so
	default:
		return result{requeue: requeueWithBackoff}, nil // the watch tells what is so
	}
	klog.FromContext(ctx).Info("restored the policy of a source that was created again")
	if o.LiveUID == o.KnownUID {
		c.reporter.recorder.Normal(ctx, warningKey{subject: p.key}.eventSubject(o.LiveUID), reasonRestored,
			"all annotations of the source were removed in one update, as by kubectl replace, and were restored because of "+
				annotations.SurvivesRecreation+"; to stop mirroring, set that to \"false\" first, then remove them")
	}
	return done, nil
}

// writePolicy adds the recorded annotations to those of the object.
func (c *Controller) writePolicy(ctx context.Context, key informers.Key, o *observation) error {
	version, err := informers.ParseVersion(o.object.GetResourceVersion())
	if err != nil {
		return err
	}
	p := newPatch(version)
	p.set("/metadata/annotations", len(o.object.GetAnnotations()) == 0, o.record.Annotations)
	_, err = c.observer.api.patch(ctx, informers.Resource(key.Kind), key.NamespacedName, p)
	return err
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

// isInForce reports whether the recorded policy is in force once it stands beside the annotations that there are.
func isInForce(key informers.Key, object metav1.Object, record *informers.Record) bool {
	both := map[string]string{}
	maps.Copy(both, object.GetAnnotations())
	maps.Copy(both, record.Annotations)
	claims := annotations.Parse(key.Namespace, key.Name, both)
	return claims.Policy != nil && len(claims.Problems) == 0
}
