package replicator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// answer is what the API server's answer to a request means for the controller.
type answer string

// The answers, as the metrics name them.
const (
	// succeeded: the request was carried out.
	succeeded answer = "ok"
	// stale: the decision was made on an outdated view. Plan again, soon.
	stale answer = "stale"
	// terminating: the namespace is being deleted. Drop it, quietly.
	terminating answer = "terminating"
	// immutable: the object can't change in this way. It has to be deleted and created again.
	immutable answer = "immutable"
	// incompatible: the object can't be adopted or filled as it is. Nothing was written.
	incompatible answer = "incompatible"
	// blocked: quota, admission, RBAC or size. Say so, and retry with backoff.
	blocked answer = "blocked"
	// overloaded: the API server is overloaded, or can't be reached.
	overloaded answer = "overloaded"
	// stopping: the process is being stopped.
	stopping answer = "stopping"
)

// classify is the one table of answers.
//
//	error                                                       answer
//	none                                                        succeeded
//	any, and the context has ended                              stopping
//	403 with the cause NamespaceTerminating                     terminating
//	404 of the namespace                                        terminating
//	404 of the object, 409                                      stale
//	an incompatibleError                                        incompatible
//	422 of type, or of data, binaryData or immutable, alone     immutable
//	429, 5xx, no answer                                         overloaded
//	any other status                                            blocked
func classify(ctx context.Context, err error) answer {
	status := apierrors.APIStatus(nil)
	switch {
	case err == nil:
		return succeeded
	case ctx.Err() != nil:
		return stopping
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return terminating
	case apierrors.IsNotFound(err):
		if errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Kind == "namespaces" {
			return terminating
		}
		return stale
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return stale
	case isIncompatible(err):
		return incompatible
	case apierrors.IsInvalid(err) && immutableField(err) != "":
		return immutable
	case errors.As(err, &status):
		switch code := status.Status().Code; {
		case code == http.StatusTooManyRequests, code >= http.StatusInternalServerError:
			return overloaded
		default:
			return blocked
		}
	}
	return overloaded // no answer at all
}

// isOverload reports whether an error is about the API server as a whole, not about the object that was to be written.
func isOverload(err error) bool {
	status := apierrors.APIStatus(nil)
	switch {
	case err == nil, isIncompatible(err), errors.Is(err, errNotTried):
		return false
	case !errors.As(err, &status):
		return true // no answer at all
	}
	code := status.Status().Code
	return code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable || code == http.StatusGatewayTimeout
}

// immutableField returns the field that can't be changed in place because the object is immutable, or because its type
// is, where that is all that is wrong; otherwise "". What is too long, say, is not fit for a new object either.
func immutableField(err error) (field string) {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) || status.Status().Details == nil {
		return ""
	}
	for _, cause := range status.Status().Details.Causes {
		switch {
		case cause.Field == "type" && cause.Type == metav1.CauseTypeFieldValueInvalid:
		case slices.Contains([]string{"data", "immutable", "binaryData"}, cause.Field) &&
			cause.Type == metav1.CauseTypeForbidden:
		default:
			return ""
		}
		field = cause.Field
	}
	return field
}

// reason puts an API server's answer into words that hold no content: its reason and code, never its message, which may
// quote what was sent.
func reason(err error) string {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) {
		return "no answer"
	}
	s := status.Status()
	text := string(s.Reason)
	if text == "" {
		text = http.StatusText(int(s.Code))
	}
	switch s.Reason {
	case metav1.StatusReasonForbidden:
		text += ": rejected by quota, admission or RBAC"
	case metav1.StatusReasonInvalid:
		text += ": too large, invalid for its type, or rejected by admission"
	}
	return fmt.Sprintf("%s (%d)", text, s.Code)
}

// incompatibleError says why an object can't be adopted or filled from its source as it is. Its type and content show
// only when that is tried, since of objects that are no replicas the caches hold metadata.
type incompatibleError struct{ why string }

// Error implements error.
func (e *incompatibleError) Error() string { return e.why }

func isIncompatible(err error) bool {
	var e *incompatibleError
	return errors.As(err, &e)
}
