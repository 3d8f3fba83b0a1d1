package guide

import (
	"context"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/wait"
)

// awaitServiceAccount waits until a ServiceAccount exists: no Pod is admitted before that.
func (g *Guide) awaitServiceAccount(ctx context.Context, namespace, name string) error {
	return wait.Until(ctx, nil, func(ctx context.Context) error {
		_, err := g.client.CoreV1().ServiceAccounts(namespace).Get(ctx, name, metav1.GetOptions{})
		return err
	})
}

// awaitAttached waits until a ServiceAccount names a pull secret.
func (g *Guide) awaitAttached(ctx context.Context, namespace, name, secret string) error {
	return wait.Until(ctx, nil, func(ctx context.Context) error {
		account, err := g.client.CoreV1().ServiceAccounts(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, named := range account.ImagePullSecrets {
			if named.Name == secret {
				return nil
			}
		}
		return fmt.Errorf("expected the ServiceAccount %s/%s to name the pull secret %s", namespace, name, secret)
	})
}

// awaitSecret waits until a Secret is one that a condition accepts.
func (g *Guide) awaitSecret(ctx context.Context, namespace, name string, accept func(*corev1.Secret) error) error {
	return wait.Until(ctx, nil, func(ctx context.Context) error {
		secret, err := g.client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return accept(secret)
	})
}

// anySecret accepts every Secret.
func anySecret(*corev1.Secret) error { return nil }

func writeFile(path, content string) error { return os.WriteFile(path, []byte(content), 0o600) }
