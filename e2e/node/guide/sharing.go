package guide

import (
	"context"
	"fmt"
	"time"

	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

// platform is the namespace whose secrets may be attached to ServiceAccounts, as the rules say.
const platform = "platform"

func (g *Guide) sharing(ctx context.Context) error {
	hub := g.cluster.Registry(node.DockerHub)
	_, err := g.sh(ctx, `kubectl -n infra annotate secret docker-hub \
  reflector.v1.k8s.emberstack.com/reflection-allowed=true \
  reflector.v1.k8s.emberstack.com/reflection-auto-enabled=true \
  reflector.v1.k8s.emberstack.com/reflection-auto-namespaces='team-.*'`,
		"kubectl create namespace team-red")
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := g.awaitSecret(ctx, "team-red", hub.Name, anySecret); err != nil {
		return err
	}
	g.screen.Done("the secret is in team-red, after kubectl ended", time.Since(begin))
	if err := g.awaitServiceAccount(ctx, "team-red", "default"); err != nil {
		return err
	}
	if _, err := g.sh(ctx, runPod("team-red", "web", hub.Image(repository, tag), hub.Name)); err != nil {
		return err
	}
	if err := g.awaitRunning(ctx, "team-red", "web"); err != nil {
		return err
	}
	return g.awaitOutput(ctx, "kubectl get secrets -A -l mirrorball.dev/replica", "team-red")
}

func (g *Guide) attaching(ctx context.Context) error {
	github := g.cluster.Registry(node.GHCR)
	credentials, err := g.credentials()
	if err != nil {
		return err
	}
	if _, err := g.sh(ctx, "kubectl create namespace "+platform); err != nil {
		return err
	}
	if _, err := g.shell.Run(ctx, g.createSecret(platform, github.Name), credentials...); err != nil {
		return err
	}
	_, err = g.sh(ctx, `kubectl -n platform annotate secret ghcr mirrorball.dev/push-to='team-*' \
  mirrorball.dev/attach-to-service-accounts='default, builder'`,
		"kubectl create namespace team-blue", "kubectl -n team-blue create serviceaccount builder")
	if err != nil {
		return err
	}
	for _, account := range []string{"default", "builder"} {
		begin := time.Now()
		if err := g.awaitAttached(ctx, "team-blue", account, github.Name); err != nil {
			return err
		}
		g.screen.Done(fmt.Sprintf("the ServiceAccount team-blue/%s names the secret, after kubectl ended", account),
			time.Since(begin))
		override := fmt.Sprintf(" --overrides='{\"spec\":{\"serviceAccountName\":%q}}'", account)
		if _, err := g.sh(ctx, runPod("team-blue", "by-"+account, github.Image(repository, tag))+override); err != nil {
			return err
		}
	}
	return g.awaitRunning(ctx, "team-blue", "by-default", "by-builder")
}
