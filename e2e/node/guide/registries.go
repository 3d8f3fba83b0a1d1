package guide

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/screen"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

const (
	// infra is the namespace of the first secrets.
	infra = "infra"
	// refused is what the kubelet reports when a registry wants another password, or one at all.
	refused = "401 Unauthorized"
)

// secrets are the options of `kubectl create secret docker-registry` for each kind of registry. The variables are those
// of credentials.
var secrets = []struct{ registry, options string }{
	{node.DockerHub, `--docker-username=acme --docker-password="$DOCKER_HUB_TOKEN"`},
	{node.ECR, `--docker-username=AWS --docker-password="$(aws ecr get-login-password)"`},
	{node.GCR, `--docker-username=_json_key --docker-password="$(cat "$KEY_FILE")"`},
	{node.GHCR, `--docker-username=acme-bot --docker-password="$GITHUB_TOKEN"`},
	{node.SelfHosted, `--docker-username=puller --docker-password="$REGISTRY_PASSWORD"`},
}

// credentials are the variables that a person has in their environment.
func (g *Guide) credentials() ([]string, error) {
	key := filepath.Join(g.dir, "key.json")
	if err := writeFile(key, g.cluster.Registry(node.GCR).Password); err != nil {
		return nil, err
	}
	ecr := g.cluster.Registry(node.ECR)
	return []string{
		"DOCKER_HUB_TOKEN=" + g.cluster.Registry(node.DockerHub).Password,
		"AWS_ENDPOINT_URL=" + ecr.TokenURL(), "AWS_ACCESS_KEY_ID=" + ecr.Username, "AWS_SECRET_ACCESS_KEY=" + ecr.Password,
		"KEY_FILE=" + key,
		"GITHUB_TOKEN=" + g.cluster.Registry(node.GHCR).Password,
		"REGISTRY_PASSWORD=" + g.cluster.Registry(node.SelfHosted).Password,
	}, nil
}

// createSecret is the command that makes a registry's pull secret.
func (g *Guide) createSecret(namespace, registry string) string {
	for _, secret := range secrets {
		if secret.registry == registry {
			return fmt.Sprintf("kubectl -n %s create secret docker-registry %s --docker-server=%s \\\n  %s", namespace, registry,
				g.cluster.Registry(registry).Server, secret.options)
		}
	}
	return ""
}

func (g *Guide) registries(ctx context.Context) error {
	if _, err := g.sh(ctx, "kubectl create namespace "+infra); err != nil {
		return err
	}
	if err := g.awaitServiceAccount(ctx, infra, "default"); err != nil {
		return err
	}
	credentials, err := g.credentials()
	if err != nil {
		return err
	}
	var pods []string
	for _, secret := range secrets {
		registry := g.cluster.Registry(secret.registry)
		if _, err := g.shell.Run(ctx, g.createSecret(infra, secret.registry), credentials...); err != nil {
			return err
		}
		pod := "from-" + secret.registry
		if _, err := g.sh(ctx, runPod(infra, pod, registry.Image(repository, tag), secret.registry)); err != nil {
			return err
		}
		pods = append(pods, pod)
	}
	if err := g.awaitRunning(ctx, infra, pods...); err != nil {
		return err
	}
	if err := g.awaitOutput(ctx, "kubectl -n infra logs from-gcr", "the private image runs"); err != nil {
		return err
	}
	return g.withoutSecret(ctx)
}

// withoutSecret shows that the registries do want a password.
func (g *Guide) withoutSecret(ctx context.Context) error {
	private := g.cluster.Registry(node.DockerHub).Image(repository, tag)
	if _, err := g.sh(ctx, runPod(infra, "without-secret", private)); err != nil {
		return err
	}
	if err := g.awaitPullError(ctx, infra, "without-secret"); err != nil {
		return err
	}
	g.screen.Checkf("the Pod infra/without-secret waits: the image is on the node, but this Pod has no right to it")
	return g.awaitOutput(ctx, "kubectl -n infra events --for pod/without-secret --types=Warning", refused)
}

// quiet is a shell that prints nothing.
func (g *Guide) quiet() screen.Shell {
	shell := g.shell
	shell.Screen = screen.Silent()
	return shell
}
