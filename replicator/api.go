package replicator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

// api is the few requests that the controller makes besides its streams. Writes bring metadata back and no content, and
// carry the version that they were decided on.
type api struct{ client rest.Interface }

const (
	protobufType = "application/vnd.kubernetes.protobuf"
	metadataOnly = protobufType + ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
)

func newAPI(config *rest.Config) (*api, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), metav1.AddMetaToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("scheme: %w", err)
	}
	own := rest.CopyConfig(config)
	own.APIPath = "/api"
	own.GroupVersion = &corev1.SchemeGroupVersion
	own.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	own.ContentType = protobufType
	own.AcceptContentTypes = protobufType + ",application/json"
	client, err := rest.RESTClientFor(own)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return &api{client: client}, nil
}

// requestTimeout bounds one request: an API server that does not answer is tried again later.
const requestTimeout = 30 * time.Second

// source reads a source whole.
func (a *api) source(ctx context.Context, key informers.Key) (metav1.Object, informers.Content, error) {
	if key.Kind == annotations.ConfigMap {
		cm, err := a.configMap(ctx, key.NamespacedName)
		return cm, informers.ContentOfConfigMap(cm), err
	}
	var s corev1.Secret
	err := a.get(key.Kind, key.NamespacedName).Do(ctx).Into(&s)
	return &s, informers.ContentOfSecret(&s), err
}

func (a *api) get(kind annotations.Kind, n types.NamespacedName) *rest.Request {
	return a.client.Get().Namespace(n.Namespace).Resource(informers.Resource(kind)).Name(n.Name).Timeout(requestTimeout)
}

// configMap reads a ConfigMap whole.
func (a *api) configMap(ctx context.Context, n types.NamespacedName) (*corev1.ConfigMap, error) {
	var cm corev1.ConfigMap
	err := a.get(annotations.ConfigMap, n).Do(ctx).Into(&cm)
	return &cm, err
}

// metadata reads an object without its content.
func (a *api) metadata(ctx context.Context, key informers.Key) (*metav1.PartialObjectMetadata, error) {
	var m metav1.PartialObjectMetadata
	err := a.get(key.Kind, key.NamespacedName).SetHeader("Accept", metadataOnly).Do(ctx).Into(&m)
	return &m, err
}

// create makes an object where there must be none.
func (a *api) create(
	ctx context.Context, resource, namespace string, obj runtime.Object,
) (*metav1.PartialObjectMetadata, error) {
	var m metav1.PartialObjectMetadata
	err := a.client.Post().Namespace(namespace).Resource(resource).
		SetHeader("Accept", metadataOnly).Timeout(requestTimeout).MaxRetries(0).Body(obj).Do(ctx).Into(&m)
	return &m, err
}

// refused is the API server's refusal of an object by quota, admission, RBAC or validation, if it were created; nil
// where it would take it, where an object of that name is in the way, and where that can't be told.
func (a *api) refused(ctx context.Context, resource, namespace string, obj runtime.Object) error {
	err := a.client.Post().Namespace(namespace).Resource(resource).Param("dryRun", metav1.DryRunAll).
		SetHeader("Accept", metadataOnly).Timeout(requestTimeout).MaxRetries(0).Body(obj).Do(ctx).Error()
	if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsRequestEntityTooLargeError(err) {
		return err
	}
	return nil
}

// patch changes an object by a JSON patch, which holds the version that it was decided on.
func (a *api) patch(
	ctx context.Context, resource string, n types.NamespacedName, p patch,
) (*metav1.PartialObjectMetadata, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode patch: %w", err)
	}
	var m metav1.PartialObjectMetadata
	err = a.client.Patch(types.JSONPatchType).Namespace(n.Namespace).Resource(resource).Name(n.Name).
		SetHeader("Accept", metadataOnly).Timeout(requestTimeout).MaxRetries(0).Body(body).Do(ctx).Into(&m)
	return &m, err
}

// remove deletes the very version of the very object.
func (a *api) remove(ctx context.Context, resource string, id informers.Identity) error {
	version := id.Version.String()
	return a.client.Delete().Namespace(id.Namespace).Resource(resource).Name(id.Name).
		SetHeader("Accept", metadataOnly).Timeout(requestTimeout).MaxRetries(0).
		Body(&metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &id.UID, ResourceVersion: &version}}).
		Do(ctx).Error()
}

// answer is what the API server's answer to a write means.
type answer uint8

const (
	done answer = iota
	// behind: what was decided on is no longer so; look again, soon.
	behind
	// leaving: the namespace is going; drop it quietly.
	leaving
	// fixed: the object can't change in this way; it has to be removed and created again.
	fixed
	// unfit: the object can't be adopted or filled as it is; nothing was written.
	unfit
	// blocked: quota, admission, RBAC, size; slowly try again and say so.
	blocked
	// busy: the server is overloaded or away.
	busy
	// stopping: the process is.
	stopping
)

// classify is the one table of answers.
func classify(ctx context.Context, err error) answer {
	status := apierrors.APIStatus(nil)
	switch {
	case err == nil:
		return done
	case ctx.Err() != nil:
		return stopping
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return leaving
	case apierrors.IsNotFound(err):
		if errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Kind == "namespaces" {
			return leaving
		}
		return behind
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return behind
	case isUnfit(err):
		return unfit
	case apierrors.IsInvalid(err) && fixedField(err) != "":
		return fixed
	case errors.As(err, &status):
		switch code := status.Status().Code; {
		case code == http.StatusTooManyRequests, code >= http.StatusInternalServerError:
			return busy
		default:
			return blocked
		}
	}
	return busy // no answer at all
}

// overload says whether an error is about the API server as a whole, not about the object that was to be written.
func overload(err error) bool {
	status := apierrors.APIStatus(nil)
	if err == nil {
		return false
	}
	if !errors.As(err, &status) {
		return true // no answer at all
	}
	code := status.Status().Code
	return code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable || code == http.StatusGatewayTimeout
}

// fixedField is the field that can't be changed in place because the object is immutable, or because its type is, where
// that is all that is wrong; otherwise "". What is too long, say, is not fit for a new object either.
func fixedField(err error) (fixed string) {
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
		fixed = cause.Field
	}
	return fixed
}

// reason is an API server's answer in words that hold no content: its reason and code, never its message, which may
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
		text += ": quota, admission or RBAC refused it"
	case metav1.StatusReasonInvalid:
		text += ": too large, not what its type asks for, or refused by admission"
	}
	return fmt.Sprintf("%s (%d)", text, s.Code)
}
