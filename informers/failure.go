package informers

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// failure is why a list or watch has failed.
type failure int

const (
	// expired: the API server no longer has the events since the last one; a list follows.
	expired failure = iota
	// forbidden: the credentials or permissions do not suffice.
	forbidden
	// overloaded: the API server has no time, or cannot serve.
	overloaded
	// unreachable: there was no answer, or the connection has broken.
	unreachable
	// otherFailure is any other answer.
	otherFailure
)

// failureNames are the values of the label in the metrics.
var failureNames = [...]string{
	expired: "expired", forbidden: "forbidden", overloaded: "overloaded", unreachable: "unreachable",
	otherFailure: "other",
}

// watchBroken is the cause that client-go's decoder of watches adds to its own errors.
const watchBroken metav1.CauseType = "ClientWatchDecoding"

func failureOf(err error) failure {
	var status apierrors.APIStatus
	switch {
	case !errors.As(err, &status), apierrors.HasStatusCause(err, watchBroken):
		return unreachable
	case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
		return expired
	case apierrors.IsUnauthorized(err), apierrors.IsForbidden(err):
		return forbidden
	case apierrors.IsTooManyRequests(err), apierrors.IsServiceUnavailable(err), apierrors.IsServerTimeout(err),
		apierrors.IsTimeout(err), apierrors.IsInternalError(err):
		return overloaded
	}
	return otherFailure
}
