package replicator

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

// adopt makes a replica of what another controller made of the same source.
func (e *executor) adopt(ctx context.Context, a *plan.Action) error {
	if claims := a.Occupant.Candidate.Claims; claims.Mirror == nil {
		content, err := e.read(ctx, a)
		if err != nil {
			return err
		}
		if err := e.checkCopy(claims.PushedVersion, content, a.Contested); err != nil {
			return err
		}
	}
	return e.mark(ctx, a, true, e.pushed(a))
}

// checkCopy returns nil for a copy that kubernetes-replicator made of this very source, which it does not name. It has
// no data but what it was given, and either records the source's present version, which no other object has, or has the
// source's present content: so nothing is lost with it but what somebody changed in a copy. Where another source wants
// the place, the content does not tell: it may be known to somebody to whom the copy does not belong.
func (e *executor) checkCopy(version string, c informers.Content, contested bool) error {
	given := annotations.GivenKeys(c.Annotations)
	for _, keys := range []map[string][]byte{c.Data, c.Binary} {
		for key := range keys {
			if !slices.Contains(given, key) {
				return &incompatibleError{"it has data that was not copied from this source"}
			}
		}
	}
	same := sameData(c, e.content)
	recorded := version == e.source.Version.String()
	//mutant:rivals-of-adoption
	if same && contested && !recorded {
		return &incompatibleError{"another controller copied it, not from the present version of this source, and another " +
			"source selects the same target"}
	}
	//mutant:copies-of-others
	if !same && !recorded {
		return &incompatibleError{"another controller copied it from another source, or from another version of this source"}
	}
	return nil
}

// checkWrite returns what the API server would say to writing content into an object whose type and content were not
// known before.
func (e *executor) checkWrite(have, want informers.Content) error {
	switch {
	case e.key.Kind == annotations.Secret && have.Type != e.source.Type:
		return &incompatibleError{"its type is not that of the source, " + e.source.Type}
	case have.Immutable && !sameData(have, want):
		return &incompatibleError{"it is immutable"}
	}
	return nil
}

func sameData(a, b informers.Content) bool {
	return maps.EqualFunc(a.Data, b.Data, bytes.Equal) && maps.EqualFunc(a.Binary, b.Binary, bytes.Equal)
}

// fill writes the content, and Mirrorball's marks, into an object that pulls.
func (e *executor) fill(ctx context.Context, a *plan.Action) error {
	var own informers.Content
	if a.Pull.Dialect == annotations.Replicator {
		var err error
		if own, err = e.read(ctx, a); err != nil {
			return err
		}
	}
	return e.mark(ctx, a, a.Occupant.Replica == nil, e.pulled(a.Pull.Dialect, own))
}

// pulled is what an object that pulls has to hold. In the dialect of kubernetes-replicator it keeps its own keys.
func (e *executor) pulled(dialect annotations.Dialect, own informers.Content) informers.Content {
	if dialect == annotations.Replicator {
		return merged(own, e.pullKeys)
	}
	return e.pull
}

// read reads the object that the action was decided on: its content is not in the caches.
func (e *executor) read(ctx context.Context, a *plan.Action) (informers.Content, error) {
	object, content, err := e.api.source(ctx, informers.Key{Kind: e.key.Kind, NamespacedName: a.Target})
	if err == nil && object.GetResourceVersion() != a.Occupant.Identity().Version.String() {
		resource := corev1.Resource(e.resource())
		return content, apierrors.NewConflict(resource, a.Target.Name, errors.New("it has changed meanwhile"))
	}
	return content, err
}

// mark patches an object that was not written by Mirrorball before, or asked to be filled. The type of one whose type
// is not known goes into the patch, where it is either unchanged or refused.
func (e *executor) mark(ctx context.Context, a *plan.Action, typeUnknown bool, want informers.Content) error {
	secretType := ""
	if typeUnknown && e.key.Kind == annotations.Secret {
		secretType = e.source.Type
	}
	m, err := e.api.patch(ctx, e.resource(), a.Target, markPatch(e.key.Kind, a.Occupant, secretType, want, e.now))
	if typeUnknown && classify(ctx, err) == immutable {
		if immutableField(err) == "type" {
			return &incompatibleError{"its type is not that of the source, " + e.source.Type}
		}
		return &incompatibleError{"it is immutable"}
	}
	if err != nil || a.Pull != nil {
		return err // what pulls comes with the watch, with its claims
	}
	return e.cacheReplica(m, want, nil)
}
