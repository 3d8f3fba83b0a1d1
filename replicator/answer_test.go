package replicator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// refusedWith is an answer with causes, a type and a field each.
func refusedWith(code int32, reason metav1.StatusReason, causes ...metav1.StatusCause) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: code, Reason: reason, Message: "the API server quotes hunter2 here",
		Details: &metav1.StatusDetails{Causes: causes},
	}}
}

func TestClassify(t *testing.T) {
	secrets, namespaces := corev1.Resource("secrets"), corev1.Resource("namespaces")
	kind := schema.GroupKind{Kind: "Secret"}
	cause := func(t metav1.CauseType, field string) metav1.StatusCause {
		return metav1.StatusCause{Type: t, Field: field}
	}
	invalid := func(causes ...metav1.StatusCause) error {
		return refusedWith(422, metav1.StatusReasonInvalid, causes...)
	}
	otherType := cause(metav1.CauseTypeFieldValueInvalid, "type")
	for name, tc := range map[string]struct {
		err  error
		want answer
		// overload says that the answer is about the API server as a whole.
		overload bool
	}{
		"no error":                    {nil, succeeded, false},
		"the object is there already": {apierrors.NewAlreadyExists(secrets, "s"), stale, false},
		"another version":             {apierrors.NewConflict(secrets, "s", errors.New("x")), stale, false},
		"the object is not there":     {apierrors.NewNotFound(secrets, "s"), stale, false},
		"the namespace is not there":  {apierrors.NewNotFound(namespaces, "to"), terminating, false},
		"the namespace terminates": {
			refusedWith(403, metav1.StatusReasonForbidden, cause(corev1.NamespaceTerminatingCause, "metadata.namespace")),
			terminating, false,
		},
		"another type":                      {invalid(otherType), immutable, false},
		"immutable data":                    {invalid(cause(metav1.CauseTypeForbidden, "data")), immutable, false},
		"immutable, and binary":             {invalid(cause(metav1.CauseTypeForbidden, "binaryData")), immutable, false},
		"immutable for good":                {invalid(cause(metav1.CauseTypeForbidden, "immutable")), immutable, false},
		"another type, and too long":        {invalid(otherType, cause(metav1.CauseTypeTooLong, "data")), blocked, false},
		"too long":                          {invalid(cause(metav1.CauseTypeTooLong, "data")), blocked, false},
		"invalid, and nobody says how":      {apierrors.NewInvalid(kind, "s", nil), blocked, false},
		"quota, admission or RBAC":          {apierrors.NewForbidden(secrets, "s", errors.New("x")), blocked, false},
		"too large":                         {apierrors.NewRequestEntityTooLargeError("x"), blocked, false},
		"no credentials":                    {apierrors.NewUnauthorized("x"), blocked, false},
		"too many requests":                 {apierrors.NewTooManyRequests("x", 1), overloaded, true},
		"unavailable":                       {apierrors.NewServiceUnavailable("x"), overloaded, true},
		"a timeout of the server":           {apierrors.NewTimeoutError("x", 0), overloaded, true},
		"an internal error of this request": {apierrors.NewInternalError(errors.New("x")), overloaded, false},
		"no answer":                         {errors.New("connection refused"), overloaded, true},
		"incompatible":                      {&incompatibleError{"it is immutable"}, incompatible, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := classify(t.Context(), tc.err); got != tc.want {
				t.Errorf("answer %s, want %s", got, tc.want)
			}
			if tc.err == nil {
				return
			}
			wrapped := fmt.Errorf("create: %w", tc.err)
			if got := classify(t.Context(), wrapped); got != tc.want {
				t.Errorf("wrapped: answer %s, want %s", got, tc.want)
			}
			stopped, cancel := context.WithCancel(t.Context())
			cancel()
			if got := classify(stopped, tc.err); got != stopping {
				t.Errorf("while stopping: answer %s, want %s", got, stopping)
			}
			if got := isOverload(tc.err); got != tc.overload {
				t.Errorf("about the API server as a whole: %t, want %t", got, tc.overload)
			}
		})
	}
}

func TestReason(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"no answer": {errors.New("hunter2"), "no answer"},
		"forbidden": {refusedWith(403, metav1.StatusReasonForbidden),
			"Forbidden: rejected by quota, admission or RBAC (403)"},
		"invalid": {refusedWith(422, metav1.StatusReasonInvalid),
			"Invalid: too large, invalid for its type, or rejected by admission (422)"},
		"no reason": {refusedWith(http.StatusTeapot, ""), "I'm a teapot (418)"},
	} {
		t.Run(name, func(t *testing.T) {
			got := reason(tc.err)
			if got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
			if strings.Contains(got, "hunter2") {
				t.Errorf("%q repeats the API server's message, which may quote content", got)
			}
		})
	}
}
