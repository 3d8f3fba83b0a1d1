package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"

	"github.com/mirrorball-dev/mirrorball/replicator/doctor"
)

// doctorReader reads what an examination needs. Of Secrets that are neither pull Secrets nor certificates it reads only
// the names.
type doctorReader struct {
	target      doctorTarget
	client      kubernetes.Interface
	metadata    metadata.Interface
	host        string
	examination *doctor.Examination
	examined    doctorCounts
	// missing are the permissions without which something could not be told.
	missing []string
}

// doctorCounts are the numbers of objects that were examined.
type doctorCounts struct {
	PullSecrets     int `json:"pullSecrets"`
	Certificates    int `json:"certificates"`
	ServiceAccounts int `json:"serviceAccounts"`
	Pods            int `json:"pods"`
}

func newDoctorReader(config *rest.Config, target doctorTarget, options doctor.Options) (*doctorReader, error) {
	client, err := newClient(config)
	if err != nil {
		return nil, err
	}
	names, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, unable("cannot create a client for the cluster at %s: %w; correct the kubeconfig", config.Host, err)
	}
	return &doctorReader{
		target: target, client: client, metadata: names, host: config.Host, examination: doctor.NewExamination(options),
	}, nil
}

// read reads everything. The Secrets come before the Ingresses, whose certificates they are, and all references before
// the names that they refer to.
func (r *doctorReader) read(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		r.readPods, r.readAccounts, r.readSecrets, r.readIngresses, r.resolve,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *doctorReader) readPods(ctx context.Context) error {
	if r.target.kind == podKind {
		pod, err := r.client.CoreV1().Pods(r.target.namespace).Get(ctx, r.target.name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return unable("there is no Pod %s in the namespace %s; choose another namespace with -n", r.target.name,
				r.target.namespace)
		}
		if err == nil {
			r.addPod(pod)
		}
		return r.tell(err, "get pods in the namespace "+r.target.namespace)
	}
	return r.list(ctx, "pods", metav1.ListOptions{},
		func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return r.client.CoreV1().Pods(r.target.namespace).List(ctx, o)
		}, func(o runtime.Object) {
			if pod, ok := o.(*corev1.Pod); ok {
				r.addPod(pod)
			}
		})
}

func (r *doctorReader) addPod(pod *corev1.Pod) {
	r.examined.Pods++
	r.examination.AddPod(pod)
}

func (r *doctorReader) readAccounts(ctx context.Context) error {
	return r.list(ctx, "serviceaccounts", metav1.ListOptions{},
		func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return r.client.CoreV1().ServiceAccounts(r.target.namespace).List(ctx, o)
		}, func(o runtime.Object) {
			if account, ok := o.(*corev1.ServiceAccount); ok {
				r.examined.ServiceAccounts++
				r.examination.AddServiceAccount(account)
			}
		})
}

func (r *doctorReader) readSecrets(ctx context.Context) error {
	for _, sort := range []struct {
		typ   corev1.SecretType
		count *int
	}{
		{corev1.SecretTypeDockerConfigJson, &r.examined.PullSecrets},
		{corev1.SecretTypeDockercfg, &r.examined.PullSecrets},
		{corev1.SecretTypeTLS, &r.examined.Certificates},
	} {
		options := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("type", string(sort.typ)).String()}
		err := r.list(ctx, "secrets", options, func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return r.client.CoreV1().Secrets(r.target.namespace).List(ctx, o)
		}, func(o runtime.Object) {
			if secret, ok := o.(*corev1.Secret); ok {
				*sort.count++
				r.examination.AddSecret(secret)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *doctorReader) readIngresses(ctx context.Context) error {
	if r.target.kind == podKind || r.examined.Certificates == 0 {
		return nil
	}
	return r.list(ctx, "ingresses.networking.k8s.io", metav1.ListOptions{},
		func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return r.client.NetworkingV1().Ingresses(r.target.namespace).List(ctx, o)
		}, func(o runtime.Object) {
			if ingress, ok := o.(*networkingv1.Ingress); ok {
				r.examination.AddIngress(ingress)
			}
		})
}

// resolve looks for the Secrets that are named in imagePullSecrets and are no pull Secrets: in all namespaces, or where
// that is not allowed, in the one that is examined.
func (r *doctorReader) resolve(ctx context.Context) error {
	secrets := r.metadata.Resource(corev1.SchemeGroupVersion.WithResource("secrets"))
	for _, name := range r.examination.Unresolved() {
		options := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()}
		list, err := secrets.List(ctx, options)
		if apierrors.IsForbidden(err) && r.target.namespace != "" {
			list, err = secrets.Namespace(r.target.namespace).List(ctx, options)
		}
		if apierrors.IsForbidden(err) {
			return nil // what was missing has been said
		}
		if err != nil {
			return explainReach(err, r.host)
		}
		var namespaces []string
		for _, item := range list.Items {
			namespaces = append(namespaces, item.Namespace)
		}
		r.examination.Resolve(name, namespaces)
	}
	return nil
}

// chunk is the number of objects in one answer of the API server.
const chunk = 500

// list reads objects in chunks.
func (r *doctorReader) list(
	ctx context.Context, resource string, options metav1.ListOptions, page pager.ListPageFunc, add func(runtime.Object),
) error {
	p := pager.New(page)
	p.PageSize = chunk
	err := p.EachListItem(ctx, options, func(o runtime.Object) error {
		add(o)
		return nil
	})
	return r.tell(err, fmt.Sprintf("list %s in %s", resource, r.scope()))
}

// tell takes note of a missing permission. Any other error ends the command.
func (r *doctorReader) tell(err error, permission string) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err):
		text := "this user may not " + permission
		if n := len(r.missing); n == 0 || r.missing[n-1] != text {
			r.missing = append(r.missing, text)
		}
		return nil
	}
	return explainReach(err, r.host)
}

func (r *doctorReader) scope() string {
	if r.target.namespace == "" {
		return "all namespaces"
	}
	return "the namespace " + r.target.namespace
}
