package replicator

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// observation is what a look at a source came to: the facts to decide on, and what they were taken from.
type observation struct {
	plan.Facts
	view informers.SourceView
	// reloaded says that the source was read again, since it has changed.
	reloaded bool
	// record is what the API server says is remembered of the source, and object what stands in its place; both only
	// where Facts.Live matters.
	record *informers.Record
	object metav1.Object
	// secretType is the object's; empty where it was not read.
	secretType string
	// suspended says why the policy of the source is not followed for now, where its annotations are not at fault.
	suspended error
}

// reader reads objects from the API server.
type reader interface {
	source(ctx context.Context, key informers.Key) (metav1.Object, informers.Content, error)
	metadata(ctx context.Context, key informers.Key) (*metav1.PartialObjectMetadata, error)
}

// observer finds out what is known of sources.
type observer struct {
	observerParts
	reader   reader
	settings plan.Settings
	// sourceNamespaces are where sources may be, and grace is how long replicas outlive their source.
	sourceNamespaces annotations.Patterns
	grace            time.Duration
}

// observerParts are what an observer shares with others.
type observerParts struct {
	api       *api
	cluster   *informers.Cluster
	digestKey informers.DigestKey
	contents  *contents
	records   *records
	metrics   *metrics
}

func newObserver(o Options, from reader, parts observerParts) *observer {
	return &observer{
		observerParts: parts, reader: from,
		settings: plan.Settings{
			Namespace: o.Namespace, Protected: o.ProtectedNamespaces, Reserved: sets.New(o.ReservedNames...),
			IgnoreServiceAccounts: o.IgnoreServiceAccounts,
		},
		sourceNamespaces: o.SourceNamespaces, grace: o.SourceDeleteGrace,
	}
}

// observe finds out what is known of a source. Only what changed is read from the API server.
func (b *observer) observe(ctx context.Context, key informers.Key, s *state) (observation, error) {
	o := observation{view: b.cluster.Source(key)}
	o.Facts = plan.Facts{
		Now: time.Now(), Grace: b.grace, Watched: watched(o.view), OutOfReach: b.cluster.IsOutOfReach(key.Namespace),
		Allowed: b.sourceNamespaces.Match(key.Namespace), Referenced: o.view.Referenced(),
		KnownUID: s.uid, MissingSince: s.missingSince, DeletedAt: s.deletedAt,
	}
	switch {
	case o.OutOfReach: // nothing can be read
	case o.Watched == plan.WatchedPolicy && o.Allowed:
		return o, b.observeSource(ctx, key, s, &o)
	case o.Watched == plan.WatchedNothing && o.Referenced:
		return o, b.observeLive(ctx, key, s, &o)
	}
	return o, nil
}

func watched(v informers.SourceView) plan.Watched {
	claims := v.Claims()
	switch {
	case claims == nil:
		return plan.WatchedNothing
	case claims.Policy != nil && (v.Replica != nil || claims.PullFrom != nil):
		return plan.WatchedReplica
	case len(claims.Problems) > 0:
		return plan.WatchedUnreadable
	case claims.Policy != nil && claims.Policy.Paused:
		return plan.WatchedPaused
	case claims.Policy != nil:
		return plan.WatchedPolicy
	}
	return plan.WatchedNothing
}

// observeSource brings the state up to the source's version.
func (b *observer) observeSource(ctx context.Context, key informers.Key, s *state, o *observation) error {
	seen := o.view.Candidate
	if b.isSuspended(s, o) {
		return nil
	}
	// UID and version both: a list that is behind may show an older one again, and then it has to be read again.
	if s.loaded == nil || s.loaded.version != seen.Version || s.loaded.uid != seen.UID {
		s.loaded, s.incompatible, o.reloaded = nil, nil, true
		l, err := b.load(ctx, key)
		if err != nil {
			return err
		}
		if l == nil {
			o.Reading = plan.ReadingStale
			return nil
		}
		l.use(b.cluster.Charge(key, l.policy, l.annotations))
		s.loaded, s.uid = l, l.uid
	} else if s.loaded.policy.Equal(seen.Claims.Policy) {
		s.loaded.use(seen.Claims.Policy) // it remembers what it has matched
	}
	s.setPolicy(s.loaded.policy, seen.Claims.Policy)
	o.Reading = s.loaded.reading()
	return nil
}

// isSuspended reports whether the source's policy is not followed for now, so that its content need not be read. Then
// the state holds no more of it than the cache does.
func (b *observer) isSuspended(s *state, o *observation) bool {
	seen := o.view.Candidate
	if o.suspended = seen.Claims.Policy.Suspended(); o.suspended == nil {
		return false
	}
	s.loaded, s.uid, o.Reading = nil, seen.UID, plan.ReadingUnreadable
	s.setPolicy(seen.Claims.Policy, seen.Claims.Policy)
	return true
}

// observeLive asks the API server itself what became of the source, and what is remembered of it: the removal of
// replicas can't be undone, and what the watches show may be a minute old.
func (b *observer) observeLive(ctx context.Context, key informers.Key, s *state, o *observation) (err error) {
	if o.record, err = b.records.read(ctx, key); err != nil {
		return fmt.Errorf("cannot read the saved policy: %s", reason(err))
	}
	o.OnDelete = onDelete(s, o.record)
	o.object, o.secretType, err = b.readInPlace(ctx, key, o.record)
	switch {
	case apierrors.IsNotFound(err):
		o.Live = plan.LiveAbsent
		return nil
	case err != nil:
		return fmt.Errorf("cannot confirm that the source is gone: %s", reason(err))
	}
	live := annotations.Parse(key.Namespace, key.Name, o.object.GetAnnotations())
	//mutant:live-read
	if live.Policy != nil || len(live.Problems) > 0 {
		o.Live = plan.LiveAnnotated
		return nil
	}
	o.Live, o.LiveUID = plan.LiveBare, o.object.GetUID()
	if o.KnownUID == "" && o.record != nil {
		o.KnownUID = o.record.SourceUID
	}
	o.Emptied = len(annotations.PolicyAnnotations(o.object.GetAnnotations())) == 0 && lastSurvived(o.view.Departed)
	o.HasReplicas = o.view.HasReplicas
	o.HasOlderReplica = b.cluster.HasReplicaOlderThan(key, o.object.GetCreationTimestamp().Time)
	o.Survival = b.survival(key, o)
	return nil
}

// readInPlace reads what stands in a source's place, and its type where that matters: with its content only if its
// remembered policy may survive. Anyone can name any Secret as the source of what they call a replica.
func (b *observer) readInPlace(
	ctx context.Context, key informers.Key, record *informers.Record,
) (object metav1.Object, secretType string, err error) {
	if !survives(record) {
		object, err = b.reader.metadata(ctx, key)
		return object, "", err
	}
	object, content, err := b.reader.source(ctx, key)
	return object, content.Type, err
}

func survives(r *informers.Record) bool {
	return r != nil && r.Policy != nil && r.Policy.SurvivesRecreation
}

func onDelete(s *state, r *informers.Record) annotations.Deletion {
	switch {
	case s.policy != nil:
		return s.policy.OnDelete
	case r != nil && r.Policy != nil:
		return r.Policy.OnDelete
	}
	return "" // not known
}

// lastSurvived reports whether a source survived its recreation as the watch last showed it, before it was recorded
// perhaps; true where that is not known.
func lastSurvived(last *informers.Candidate) bool {
	return last == nil || last.Claims.Policy.SurvivesRecreation
}

// survival says whether the remembered policy may go onto the object that stands in the source's place.
func (b *observer) survival(key informers.Key, o *observation) plan.Survival {
	switch {
	case !survives(o.record):
		return plan.NotSurviving
	case o.record.Type != o.secretType || refusedTypes[o.secretType]:
		return plan.OtherType
	//mutant:restore-onto-others
	case b.settings.Protects(key.Namespace) || !o.Allowed ||
		!isBare(key, o.object) || !isInForce(key, o.object, o.record):
		return plan.OtherObject
	}
	return plan.Surviving
}
