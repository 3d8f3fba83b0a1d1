package replicator

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// finding is what a look at a source came to.
type finding struct {
	life plan.Life
	// condition names it for the metrics.
	condition string
	warnings  []warning
	// after says when to look again whatever comes of the pass.
	after when
	// writeBack is the policy to write onto a source that was made again without it, at version.
	writeBack map[string]string
	version   informers.Version
	bare      bool
	// forget says that the record is of no more use.
	forget bool
}

// Conditions of a source, as the metrics name them.
const (
	conditionActive   = "active"
	conditionFrozen   = "frozen"
	conditionRefused  = "refused"
	conditionMissing  = "missing"
	conditionReleased = "released"
)

// refusedTypes are Secrets that are never sources: their content is bound to their place, or the API server's own.
var refusedTypes = map[string]bool{
	"kubernetes.io/service-account-token": true,
	"bootstrap.kubernetes.io/token":       true,
	"helm.sh/release.v1":                  true,
}

// look finds out what the source is at the moment. Only what changed is read from the API server.
func (c *Controller) look(ctx context.Context, key informers.Key, s *state) (finding, error) {
	at := c.cluster.At(key)
	claims := claimsOf(at)
	switch {
	case at.Replica != nil && claims != nil && claims.Policy != nil,
		at.Candidate != nil && claims != nil && claims.PullFrom != nil && claims.Policy != nil:
		s.since = time.Time{}
		return s.refuse(key, at, "a replica is never a source: remove its annotations, or its "+
			annotations.LabelReplica+" label if it is to be one"), nil
	case claims != nil && len(claims.Problems) > 0:
		s.since = time.Time{} // it is there: when it goes, the grace begins anew
		f := finding{life: plan.Held, condition: conditionFrozen}
		for _, p := range claims.Problems {
			f.warnOf(key, at.Identity().UID, reasonFrozen, p)
		}
		return f, nil
	case claims != nil && claims.Policy != nil && c.options.SourceNamespaces.Match(key.Namespace):
		return c.read(ctx, key, s, at.Candidate)
	}
	f, err := c.absent(ctx, key, s, at)
	if claims != nil {
		f.ignored(key, at.Identity().UID, claims)
	}
	return f, err
}

func (f *finding) ignored(key informers.Key, uid types.UID, claims *annotations.Claims) {
	for _, p := range claims.Ignored {
		f.warnOf(key, uid, reasonIgnored, p)
	}
}

func claimsOf(at informers.Standing) *annotations.Claims {
	if at.Replica != nil {
		return at.Replica.Claims
	}
	if at.Candidate != nil {
		return at.Candidate.Claims
	}
	return nil
}

func (s *state) refuse(key informers.Key, at informers.Standing, why string) finding {
	f := finding{life: plan.Held, condition: conditionRefused}
	f.warn(key, at.Identity().UID, reasonRefused, why)
	return f
}

// read brings the state up to the source's version. Policy and content are taken from one and the same read, so that no
// content goes where its own annotations do not send it.
func (c *Controller) read(
	ctx context.Context, key informers.Key, s *state, seen *informers.Candidate,
) (finding, error) {
	f := finding{life: plan.Active, condition: conditionActive}
	if s.version != seen.Version || s.uid != seen.UID {
		// The version too: a list that is behind may show the same one again, and then it has to be read.
		s.source, s.version, s.refused, s.frozen, s.unfit = nil, 0, "", nil, nil
		if err := c.load(ctx, key, s, &f); err != nil || f.after == again {
			f.life = plan.Held
			return f, err
		}
	}
	s.since = time.Time{}
	switch {
	case s.refused != "":
		return s.refuse(key, informers.Standing{Candidate: seen}, s.refused), nil
	case len(s.frozen) > 0:
		f.life, f.condition = plan.Held, conditionFrozen
		for _, p := range s.frozen {
			f.warnOf(key, s.uid, reasonFrozen, p)
		}
		return f, nil
	}
	f.ignored(key, s.uid, seen.Claims)
	if p := s.policy; !p.AttachTo.Empty() && !plan.Attachable(s.source.Type) {
		f.warnOf(key, s.uid, reasonIgnored, annotations.Problem{
			Key: annotations.AttachToServiceAccounts, Value: p.AttachTo.String(),
			Reason: fmt.Sprintf("has no effect: the type is %q, and only kubernetes.io/dockerconfigjson and "+
				"kubernetes.io/dockercfg are image pull secrets", s.source.Type),
		})
	}
	return f, nil
}

// still says whether the source is, in the API server itself, as it was when a pass decided on it. To remove a replica
// can't be taken back, and what the streams tell may be a minute old.
func (c *Controller) still(ctx context.Context, key informers.Key, s *state) bool {
	object, err := c.api.metadata(ctx, key)
	return err == nil && object.GetUID() == s.uid && object.GetResourceVersion() == s.version.String()
}

// load reads the source and computes what its replicas have to be.
func (c *Controller) load(ctx context.Context, key informers.Key, s *state, f *finding) error {
	c.metrics.read()
	object, content, err := c.api.source(ctx, key)
	if apierrors.IsNotFound(err) {
		f.after = again // the watch will say so
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the source: %s", reason(err))
	}
	id, err := informers.IdentityOf(object)
	if err != nil {
		return err
	}
	claims := annotations.Parse(key.Namespace, key.Name, object.GetAnnotations())
	_, isReplica := object.GetLabels()[annotations.LabelReplica]
	switch {
	case isReplica || claims.Policy == nil:
		f.after = again
		return nil
	case refusedTypes[content.Type]:
		s.refused = "a Secret of type " + content.Type + " is never a source: remove its annotations"
	default:
		s.frozen = claims.Problems
	}
	s.uid, s.version, s.policy = id.UID, id.Version, claims.Policy
	if s.refused != "" || len(s.frozen) > 0 {
		return nil
	}
	source := &plan.Source{Identity: id, Type: content.Type, Policy: claims.Policy}
	s.frozen = c.digests(key, source, content, object.GetAnnotations()[annotations.Keys])
	if len(s.frozen) > 0 {
		return nil
	}
	s.source = source
	c.contents.put(key, id.UID, id.Version, content)
	return nil
}

// digests computes what in-sync replicas look like; the only thing that can be wrong here is the keys annotation.
func (c *Controller) digests(
	key informers.Key, s *plan.Source, content informers.Content, keys string,
) []annotations.Problem {
	push, err := pushed(key, s.Policy, content)
	if err != nil {
		return []annotations.Problem{{Key: annotations.Keys, Value: keys, Reason: err.Error()}}
	}
	pull, _ := pulled(key, s.Policy, content, false) // fails where pushed does, and nowhere else
	pullKeys, _ := pulled(key, s.Policy, content, true)
	s.Push, s.Pull, s.PullKeys = c.digestKey.Digest(push), c.digestKey.Digest(pull), c.digestKey.Digest(pullKeys)
	return nil
}

// absent decides on a key without a readable policy: gone, made again without one, or let go by its owner.
func (c *Controller) absent(
	ctx context.Context, key informers.Key, s *state, at informers.Standing,
) (finding, error) {
	replicas := c.cluster.ReplicasOf(key)
	if len(replicas) == 0 && c.cluster.Record(key) == nil && len(c.cluster.AttachedTo(key.NamespacedName)) == 0 {
		f := finding{life: plan.Ended, forget: true}
		if len(c.cluster.Pullers(key)) > 0 {
			f.condition = conditionReleased
		}
		return f, nil
	}
	if claims := claimsOf(at); claims != nil && claims.Policy != nil {
		return finding{life: plan.Ended, condition: conditionReleased, forget: true}, nil // not a source namespace
	}
	// The removal of replicas can't be taken back, and what the streams tell may be a minute old: the API server itself
	// has to say what became of the source, and what is remembered of it.
	record, err := c.record(ctx, key)
	if err != nil {
		return finding{}, fmt.Errorf("find out what is remembered of the source: %s", reason(err))
	}
	object, secretType, err := c.reread(ctx, key, record)
	switch {
	case apierrors.IsNotFound(err):
		return c.gone(s, record), nil
	case err != nil:
		return finding{}, fmt.Errorf("find out whether the source is gone: %s", reason(err))
	}
	if live := annotations.Parse(key.Namespace, key.Name, object.GetAnnotations()); live.Policy != nil ||
		len(live.Problems) > 0 {
		return finding{life: plan.Held, after: again}, nil // back already; the watch will say so
	}
	return c.unannotated(key, s, record, replicas, object, secretType), nil
}

// reread reads what stands where a source was, and its type where that matters: with its content only if its remembered
// policy may survive. Anyone can name any Secret as the source of what he calls a replica.
func (c *Controller) reread(
	ctx context.Context, key informers.Key, record *informers.Record,
) (object metav1.Object, secretType string, err error) {
	if !survives(record) {
		object, err = c.api.metadata(ctx, key)
		return object, "", err
	}
	object, content, err := c.api.source(ctx, key)
	return object, content.Type, err
}

func survives(record *informers.Record) bool {
	return record != nil && record.Policy != nil && record.Policy.SurvivesRecreation
}

// gone holds the replicas through the grace, and then does what the policy said.
func (c *Controller) gone(s *state, record *informers.Record) finding {
	if left := c.grace(s); left > 0 {
		return finding{life: plan.Held, condition: conditionMissing, after: when(left)}
	}
	if onDelete(s, record) == annotations.Keep {
		return finding{life: plan.Held, condition: conditionMissing}
	}
	return finding{life: plan.Ended, condition: conditionMissing, forget: true}
}

func onDelete(s *state, record *informers.Record) annotations.Deletion {
	switch {
	case s.policy != nil:
		return s.policy.OnDelete
	case record != nil && record.Policy != nil:
		return record.Policy.OnDelete
	}
	return annotations.Remove
}

// grace is how much of it is left.
func (c *Controller) grace(s *state) time.Duration {
	if s.since.IsZero() {
		s.since = time.Now()
	}
	c.mu.Lock()
	if s.left.After(s.since) {
		s.since = s.left
	}
	c.mu.Unlock()
	s.source, s.version = nil, 0
	return time.Until(s.since.Add(c.options.SourceDeleteGrace))
}

// unannotated tells a source whose annotations were removed from one that was made again without them.
func (c *Controller) unannotated(
	key informers.Key, s *state, record *informers.Record, replicas []*informers.Replica,
	object metav1.Object, secretType string,
) finding {
	uid := object.GetUID()
	known := s.uid
	if known == "" && record != nil {
		known = record.SourceUID
	}
	recreated := known != uid
	if known == "" && len(replicas) > 0 {
		// A replica that is older than the object was made of another that stood there before. Those that are no older
		// were made of this very object, when it had a policy: of one second they are most of the time, since replicas are
		// made in milliseconds. One that is older decides, because anybody could forge the others.
		recreated = slices.ContainsFunc(replicas, func(r *informers.Replica) bool {
			return r.Created.Before(object.GetCreationTimestamp().Time)
		})
	}
	if !recreated {
		return finding{life: plan.Ended, condition: conditionReleased, forget: true}
	}
	if survives(record) && record.Type == secretType && !refusedTypes[secretType] && !c.protected(key.Namespace) &&
		isBare(key, object) && carries(key, object, record) {
		version, err := informers.ParseVersion(object.GetResourceVersion())
		if err == nil {
			return finding{
				life: plan.Held, condition: conditionMissing,
				writeBack: record.Annotations, version: version, bare: len(object.GetAnnotations()) == 0,
			}
		}
	}
	left := c.grace(s)
	if left <= 0 {
		if onDelete(s, record) == annotations.Keep {
			return finding{life: plan.Held, condition: conditionMissing}
		}
		return finding{life: plan.Ended, condition: conditionReleased, forget: true}
	}
	f := finding{life: plan.Held, condition: conditionMissing, after: when(left)}
	if len(replicas) == 0 {
		return f // only a ServiceAccount names it
	}
	hint := annotations.SurvivesRecreation + `: "true" makes a source keep its policy`
	if survives(record) {
		hint = "its policy is not written onto what is a replica, pulls, has annotations that go against it or is in a " +
			"protected namespace"
		if record.Type != secretType {
			hint = fmt.Sprintf("its policy does not survive, since its type is %q and was %q", secretType, record.Type)
		}
	}
	f.warn(key, uid, reasonRecreated, fmt.Sprintf("it was created again without its replication annotations: its "+
		"replicas are removed when the grace of %s ends, unless it is annotated before; %s", c.options.SourceDeleteGrace,
		hint))
	return f
}

// isBare says that nothing tells the object from the source that stood in its place, made again by somebody who does
// not know of Mirrorball. A replica or an object that pulls is another's: it must not be made a source.
func isBare(key informers.Key, object metav1.Object) bool {
	_, isReplica := object.GetLabels()[annotations.LabelReplica]
	claims := annotations.Parse(key.Namespace, key.Name, object.GetAnnotations())
	return !isReplica && claims.PullFrom == nil && claims.Mirror == nil && claims.PushedVersion == "" &&
		len(claims.Problems) == 0
}

// carries says that the remembered policy is in force once it is written back beside what annotations there are.
func carries(key informers.Key, object metav1.Object, record *informers.Record) bool {
	both := map[string]string{}
	maps.Copy(both, object.GetAnnotations())
	maps.Copy(both, record.Annotations)
	claims := annotations.Parse(key.Namespace, key.Name, both)
	return claims.Policy != nil && len(claims.Problems) == 0
}
