package replicator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

// api is the few requests that the controller makes besides its watches. Writes bring metadata back and no content, and
// carry the version that they were decided on.
type api struct {
	client rest.Interface
	// answered is told of each write when it began and what was answered.
	answered func(began time.Time, err error)
}

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
	own.Wrap(func(next http.RoundTripper) http.RoundTripper { return waitingTransport{next} })
	own.ContentType = protobufType
	own.AcceptContentTypes = protobufType + ",application/json"
	client, err := rest.RESTClientFor(own)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return &api{client: client, answered: func(time.Time, error) {}}, nil
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

// namespace reads a Namespace's metadata.
func (a *api) namespace(ctx context.Context, name string) (*metav1.PartialObjectMetadata, error) {
	var m metav1.PartialObjectMetadata
	err := a.client.Get().Resource("namespaces").Name(name).Timeout(requestTimeout).
		SetHeader("Accept", metadataOnly).Do(ctx).Into(&m)
	return &m, err
}

// write sends a write, once.
func (a *api) write(ctx context.Context, request *rest.Request) rest.Result {
	began := time.Now()
	result := request.SetHeader("Accept", metadataOnly).Timeout(requestTimeout).MaxRetries(0).Do(ctx)
	a.answered(began, result.Error())
	return result
}

// create makes an object where there must be none.
func (a *api) create(
	ctx context.Context, resource, namespace string, obj runtime.Object,
) (*metav1.PartialObjectMetadata, error) {
	var m metav1.PartialObjectMetadata
	err := a.write(ctx, a.client.Post().Namespace(namespace).Resource(resource).Body(obj)).Into(&m)
	return &m, err
}

// dryRunCreate returns the API server's refusal of an object by quota, admission, RBAC or validation, if it were
// created; nil where it would accept it, where an object of that name is in the way, and where that can't be told.
func (a *api) dryRunCreate(ctx context.Context, resource, namespace string, obj runtime.Object) error {
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
	request := a.client.Patch(types.JSONPatchType).Namespace(n.Namespace).Resource(resource).Name(n.Name).Body(body)
	err = a.write(ctx, request).Into(&m)
	return &m, err
}

// delete deletes the very version of the very object.
func (a *api) delete(ctx context.Context, resource string, id informers.Identity) error {
	version := id.Version.String()
	//mutant:preconditions-of-delete
	preconditions := &metav1.Preconditions{
		//mutant:uid-of-delete
		UID: &id.UID,
		//mutant:version-of-delete
		ResourceVersion: &version,
	}
	return a.write(ctx, a.client.Delete().Namespace(id.Namespace).Resource(resource).Name(id.Name).
		Body(&metav1.DeleteOptions{Preconditions: preconditions})).Error()
}
