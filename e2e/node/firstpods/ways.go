package firstpods

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/wait"
)

const (
	// account is the ServiceAccount of Pods that name none.
	account = "default"
	// rootCA is the ConfigMap that Kubernetes puts into each namespace, and that each Pod mounts.
	rootCA = "kube-root-ca.crt"
)

// way is a way in which a Pod gets what it needs.
type way struct {
	// prefix begins the names of its namespaces.
	prefix string
	// image is what the Pod runs, and secret the pull secret that it needs for that; empty is none.
	image, secret string
	// prepare is done before the namespace and the Deployment are applied; nil is nothing.
	prepare func(ctx context.Context, namespace string) error
}

// The ways, as indexes.
const (
	// byHand: namespace, secret and attachment were made before.
	byHand = iota
	// byMirrorball: the namespace is new.
	byMirrorball
	// needless: the namespace is new, and the image is public. What this takes is Kubernetes' own.
	needless
	waysCount
)

func (r *runner) ways() [waysCount]way {
	return [waysCount]way{
		byHand:       {prefix: "by-hand-", image: r.private, secret: r.source.Name, prepare: r.prepareByHand},
		byMirrorball: {prefix: mirrored, image: r.private, secret: r.source.Name},
		needless:     {prefix: "public-", image: r.public},
	}
}

// prepareByHand makes a namespace in which everything is there: what Kubernetes puts there itself, and the pull secret,
// attached.
func (r *runner) prepareByHand(ctx context.Context, namespace string) error {
	if err := r.createNamespace(ctx, namespace); err != nil {
		return err
	}
	err := wait.Until(ctx, nil, func(ctx context.Context) error {
		if _, err := r.client.CoreV1().ServiceAccounts(namespace).Get(ctx, account, metav1.GetOptions{}); err != nil {
			return err
		}
		_, err := r.client.CoreV1().ConfigMaps(namespace).Get(ctx, rootCA, metav1.GetOptions{})
		return err
	})
	if err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: r.source.Name}, Type: r.source.Type, Data: r.source.Data,
	}
	if _, err := r.client.CoreV1().Secrets(namespace).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		return err
	}
	attach := []byte(`{"imagePullSecrets":[{"name":"` + r.source.Name + `"}]}`)
	_, err = r.client.CoreV1().ServiceAccounts(namespace).
		Patch(ctx, account, types.StrategicMergePatchType, attach, metav1.PatchOptions{})
	return err
}
