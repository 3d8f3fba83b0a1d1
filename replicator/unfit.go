package replicator

import (
	"errors"

	"github.com/mirrorball-dev/mirrorball/replicator/plan"
	"k8s.io/apimachinery/pkg/types"
)

// unfitError says why an object can't be adopted or filled from its source as it is. Its type and content show only
// when that is tried, since of objects that are no replicas the caches hold metadata.
type unfitError struct{ why string }

func (e *unfitError) Error() string { return e.why }

func isUnfit(err error) bool {
	var unfit *unfitError
	return errors.As(err, &unfit)
}

// setUnfit keeps in mind what came of trying, for as long as neither the object nor the source changes.
func (s *state) setUnfit(a plan.Action, err error) {
	if s.unfit == nil {
		s.unfit = map[types.NamespacedName]plan.Unfit{}
	}
	s.unfit[a.Target] = plan.Unfit{Version: a.At.Candidate.Version, Reason: err.Error()}
}
