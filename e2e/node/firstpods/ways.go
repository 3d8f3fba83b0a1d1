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

// way is one of the two ways in which a Pod gets its pull secret.
type way struct {
	// prefix begins the names of its namespaces.
	prefix string
	// prepare is done before the namespace and the Deployment are applied; nil is nothing.
	prepare func(ctx context.Context, namespace string) error
}

func (r *runner) ways() [2]way {
	return [2]way{
		byHand:       {prefix: "by-hand-", prepare: r.prepareByHand},
		byMirrorball: {prefix: mirrored},
	}
}

// The ways, as indexes.
const (
	byHand = iota
	byMirrorball
)

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
