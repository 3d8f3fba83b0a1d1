package replicator

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// bornAttached keeps, in Mirrorball's own namespace, what the admission policies of deploy/ need to attach replicas to
// ServiceAccounts when these are created: a ConfigMap for each source that attaches. What the policies do not attach, a
// pass over the source does, as it does without them. The nil bornAttached keeps nothing.
type bornAttached struct {
	api       *api
	cluster   *informers.Cluster
	namespace string
	// mu is held while an attachment is created, so that workers do not exceed the limit together.
	mu sync.Mutex
}

// maxAttachments is how many there may be: the API server looks at all of them for each ServiceAccount that is created,
// and takes 60 to 200 µs for one.
const maxAttachments = 32

// attachmentKind is the kind of attachments, where a backoffKey names one.
const attachmentKind annotations.Kind = "Attachment"

// newBornAttached returns nil where the options do not ask for it.
func newBornAttached(o Options, api *api, cluster *informers.Cluster) *bornAttached {
	if !o.BornAttached {
		return nil
	}
	return &bornAttached{api: api, cluster: cluster, namespace: o.Namespace}
}

// update makes the attachment of a pass's source equal to what it is to be, and says when to try again. It goes before
// what the pass removes, so that nothing is attached at the same time as it is detached.
func (b *bornAttached) update(ctx context.Context, p *pass) result {
	if b == nil || p.key.Kind != annotations.Secret {
		return done
	}
	have := b.cluster.Attachment(b.namespace, p.key.NamespacedName)
	want, known := p.attachment()
	if !known || have == nil && want == nil || have != nil && want != nil && have.Same(want) {
		return done
	}
	logger := klog.FromContext(ctx).WithValues("configMap", klog.KRef(b.namespace, b.name(p)))
	key := b.backoffKey(p, want == nil)
	if p.state.backoffs.remaining(key, time.Now()) > 0 {
		return done
	}
	if have == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.cluster.CountAttachments() >= maxAttachments {
			if p.scope.Full {
				logger.Info("the API server does not attach the replicas at creation: too many sources attach",
					"limit", maxAttachments)
			}
			return done
		}
	}
	err := b.write(ctx, have, want)
	switch classify(ctx, err) {
	case succeeded:
		p.recordWritten(key)
	case stopping:
	case stale, overloaded:
		return result{requeue: requeueWithBackoff}
	default:
		w := p.state.backoffs.failed(key, reason(err), time.Now())
		logger.Info("attachment not written, retrying with backoff", "reason", w.reason)
	}
	return done
}

// attachment returns what the attachment of the source has to say, or nil where there must be none. It is not known for
// as long as the source may come back with its policy, or the watch is behind.
func (p *pass) attachment() (want *informers.Attachment, known bool) {
	switch p.resolution.Phase {
	case plan.PhaseMissing, plan.PhaseRecreated, plan.PhaseRestorable, plan.PhaseStale:
		return nil, false
	case plan.PhaseActive:
		if p.world.Err == nil && p.world.Homes[p.key.Namespace] == nil {
			return nil, false
		}
		return plan.AttachmentOf(&p.world), true
	}
	return nil, true
}

func (b *bornAttached) name(p *pass) string { return informers.AttachmentName(p.key.NamespacedName) }

func (b *bornAttached) backoffKey(p *pass, removal bool) backoffKey {
	at := types.NamespacedName{Namespace: b.namespace, Name: b.name(p)}
	return backoffKey{informers.Key{Kind: attachmentKind, NamespacedName: at}, removal}
}

// write creates, changes or deletes an attachment.
func (b *bornAttached) write(ctx context.Context, have, want *informers.Attachment) error {
	if want == nil {
		err := b.api.delete(ctx, "configmaps", have.Identity)
		if err == nil || apierrors.IsNotFound(err) {
			b.cluster.ObserveNoAttachment(have.Identity)
			return nil
		}
		return err
	}
	cm := want.ConfigMap(b.namespace)
	if have == nil {
		m, err := b.api.create(ctx, "configmaps", b.namespace, cm)
		if err != nil {
			return err
		}
		cm.ObjectMeta = m.ObjectMeta
	} else {
		p := newPatch(have.Version)
		p.add("/data", cm.Data)
		m, err := b.api.patch(ctx, "configmaps", have.NamespacedName, p)
		if err != nil {
			return err
		}
		cm.ObjectMeta = m.ObjectMeta
	}
	written, err := informers.ParseAttachment(cm)
	if err == nil {
		b.cluster.ObserveAttachment(written)
	}
	return err
}
