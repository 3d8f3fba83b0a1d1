package guide

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

// twoContainers is a Pod with a container from each of two registries.
const twoContainers = `apiVersion: v1
kind: Pod
metadata: {name: two-registries, namespace: infra}
spec:
  imagePullSecrets: [{name: docker-hub}, {name: ghcr}]
  containers:
  - {name: web, image: %q}
  - {name: worker, image: %q}
`

// declared is a pull secret as YAML.
const declared = `apiVersion: v1
kind: Secret
metadata: {name: declared, namespace: infra}
type: kubernetes.io/dockerconfigjson
stringData:
  .dockerconfigjson: |
    %s
`

func (g *Guide) twoSecrets(ctx context.Context) error {
	hub, github := g.cluster.Registry(node.DockerHub), g.cluster.Registry(node.GHCR)
	text := fmt.Sprintf(twoContainers, hub.Image(repository, tag), github.Image(repository, tag))
	file := filepath.Join(g.dir, "two-registries.yaml")
	if err := writeFile(file, text); err != nil {
		return err
	}
	g.screen.Output(text)
	if _, err := g.sh(ctx, "kubectl apply -f "+file); err != nil {
		return err
	}
	return g.awaitRunning(ctx, infra, "two-registries")
}

func (g *Guide) serviceAccounts(ctx context.Context) error {
	hub, github := g.cluster.Registry(node.DockerHub), g.cluster.Registry(node.GHCR)
	_, err := g.sh(ctx,
		`kubectl -n infra patch serviceaccount default -p '{"imagePullSecrets":[{"name":"docker-hub"}]}'`,
		runPod(infra, "by-default-account", hub.Image(repository, tag)),
		"kubectl -n infra create serviceaccount builder",
		`kubectl -n infra patch serviceaccount builder -p '{"imagePullSecrets":[{"name":"ghcr"}]}'`,
		runPod(infra, "by-own-account", github.Image(repository, tag))+
			" \\\n  --overrides='{\"spec\":{\"serviceAccountName\":\"builder\"}}'",
	)
	if err != nil {
		return err
	}
	return g.awaitRunning(ctx, infra, "by-default-account", "by-own-account")
}

func (g *Guide) configFile(ctx context.Context) error {
	selfHosted := g.cluster.Registry(node.SelfHosted)
	config, err := node.DockerConfig(selfHosted, g.cluster.Registry(node.GHCR))
	if err != nil {
		return err
	}
	home := filepath.Join(g.dir, "home")
	if err := os.MkdirAll(filepath.Join(home, ".docker"), 0o700); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(home, ".docker", "config.json"), config); err != nil {
		return err
	}
	_, err = g.shell.Run(ctx, "kubectl -n infra create secret generic from-config \\\n"+
		"  --from-file=.dockerconfigjson=$HOME/.docker/config.json --type=kubernetes.io/dockerconfigjson", "HOME="+home)
	if err != nil {
		return err
	}
	if _, err := g.sh(ctx, runPod(infra, "by-config", selfHosted.Image(repository, tag), "from-config")); err != nil {
		return err
	}
	return g.awaitRunning(ctx, infra, "by-config")
}

func (g *Guide) declarative(ctx context.Context) error {
	google := g.cluster.Registry(node.GCR)
	config, err := node.DockerConfig(google)
	if err != nil {
		return err
	}
	file := filepath.Join(g.dir, "declared.yaml")
	if err := writeFile(file, fmt.Sprintf(declared, config)); err != nil {
		return err
	}
	g.screen.Output(fmt.Sprintf(declared, `{"auths": {"https://gcr.io": {"auth": "…"}}}`))
	_, err = g.sh(ctx, "kubectl apply -f "+file, runPod(infra, "by-yaml", google.Image(repository, tag), "declared"))
	if err != nil {
		return err
	}
	return g.awaitRunning(ctx, infra, "by-yaml")
}
