package harness

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/e2e/controlplane"
)

// tokenLifetime is longer than anybody leaves `make run` alone.
const tokenLifetime = 30 * 24 * time.Hour

// ControllerConfig is a client's configuration with the controller's identity and rights.
func (s *System) ControllerConfig(ctx context.Context) (*rest.Config, error) {
	seconds := int64(tokenLifetime.Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	answer, err := s.Client.CoreV1().ServiceAccounts(Namespace).
		CreateToken(ctx, ServiceAccount, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("request a token for the ServiceAccount %s/%s: %w", Namespace, ServiceAccount, err)
	}
	config := rest.AnonymousClientConfig(s.Config)
	config.BearerToken = answer.Status.Token
	return config, nil
}

// ControllerKubeconfig writes a kubeconfig with the controller's identity.
func (s *System) ControllerKubeconfig(ctx context.Context) (string, error) {
	config, err := s.ControllerConfig(ctx)
	if err != nil {
		return "", err
	}
	// A kubeconfig that was connected to may name its authority by file.
	if err := rest.LoadTLSFiles(config); err != nil {
		return "", fmt.Errorf("read the cluster's authority: %w", err)
	}
	path := filepath.Join(s.dir, "mirrorball.kubeconfig")
	if err := controlplane.WriteKubeconfig(path, config); err != nil {
		return "", err
	}
	return path, nil
}
