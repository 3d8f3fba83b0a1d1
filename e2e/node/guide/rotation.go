package guide

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

// tokenSecret is the secret in deploy/examples/rotation.yaml, which the CronJob deletes and creates.
const tokenSecret = "ecr-credentials"

// rotations are how often the secret has to be made anew while Pods start.
const rotations = 2

func (g *Guide) rotation(ctx context.Context) error {
	if err := g.installRotation(ctx); err != nil {
		return err
	}
	if _, err := g.sh(ctx, "kubectl -n platform create job --from=cronjob/ecr-rotation first-rotation"); err != nil {
		return err
	}
	var first *corev1.Secret
	err := g.awaitSecret(ctx, "team-red", tokenSecret, func(replica *corev1.Secret) error {
		first = replica
		_, err := g.tokenOf(replica)
		return err
	})
	if err != nil {
		return err
	}
	g.screen.Checkf("the job has made the secret, and team-red has a replica with the token")
	started, failed, err := g.startPodsDuringRotation(ctx, first)
	if err != nil {
		return err
	}
	g.screen.Checkf("the registry refuses the first token: its %s are over", g.cluster.Registry(node.ECR).TokenLifetime)
	if failed > 0 {
		return fmt.Errorf("expected no Pod with ErrImagePull during the rotations, got %d of %d", failed, started)
	}
	g.screen.Checkf("%d Pods started one after the other, while the CronJob deleted and created the secret at least %d "+
		"times: none saw ErrImagePull", started, rotations)
	return g.awaitOutput(ctx, "kubectl -n team-red get secret ecr-credentials -L mirrorball.dev/source-namespace",
		platform)
}

// installRotation applies the example, with a schedule of every minute and the access key of this node's registry.
func (g *Guide) installRotation(ctx context.Context) error {
	credentials, err := g.credentials()
	if err != nil {
		return err
	}
	if _, err := g.sh(ctx, "kubectl apply -f "+filepath.Join(g.root, "deploy/examples/rotation.yaml")); err != nil {
		return err
	}
	_, err = g.shell.Run(ctx, `kubectl -n platform create secret generic aws-access-key \
  --from-literal=AWS_ACCESS_KEY_ID="$AWS_ACCESS_KEY_ID" --from-literal=AWS_SECRET_ACCESS_KEY="$AWS_SECRET_ACCESS_KEY"`,
		credentials...)
	if err != nil {
		return err
	}
	_, err = g.sh(ctx,
		"kubectl -n platform set env cronjob/ecr-rotation --from=secret/aws-access-key",
		"kubectl -n platform set env cronjob/ecr-rotation AWS_ENDPOINT_URL=http://"+node.TokenAddress+node.TokenPath,
		`kubectl -n platform patch cronjob ecr-rotation -p '{"spec":{"schedule":"* * * * *"}}'`,
	)
	return err
}

// tokenOf returns the token in the pull secret; the first one of the example has none.
func (g *Guide) tokenOf(secret *corev1.Secret) (string, error) {
	var config struct {
		Auths map[string]struct{ Password string } `json:"auths"`
	}
	if err := json.Unmarshal(secret.Data[corev1.DockerConfigJsonKey], &config); err != nil {
		return "", errors.New("expected a Docker configuration in the secret, got something else")
	}
	token := config.Auths[g.cluster.Registry(node.ECR).Host].Password
	if token == "" {
		return "", errors.New("expected a token for the registry in the secret, got none yet")
	}
	return token, nil
}

// startPodsDuringRotation starts one Pod after the other until the secret has been made anew often enough and the
// registry refuses the first token. It returns how many Pods ran, and how many of them saw a pull fail.
func (g *Guide) startPodsDuringRotation(ctx context.Context, first *corev1.Secret) (started, failed int, err error) {
	token, err := g.tokenOf(first)
	if err != nil {
		return 0, 0, err
	}
	g.screen.Command("while true; do kubectl -n team-red run …; done   # imagePullPolicy: Always")
	versions := map[types.UID]bool{}
	for accepted := true; accepted || len(versions) <= rotations; started++ {
		pulled, err := g.startAndDelete(ctx, g.ecrPod(fmt.Sprintf("during-rotation-%d", started)))
		if err != nil {
			return started, failed, err
		}
		if !pulled {
			failed++
		}
		secret, err := g.client.CoreV1().Secrets(platform).Get(ctx, tokenSecret, metav1.GetOptions{})
		if err == nil {
			versions[secret.UID] = true
		} else if !apierrors.IsNotFound(err) { // it is gone between delete and create
			return started, failed, err
		}
		if accepted, err = g.cluster.Registry(node.ECR).Accepts(ctx, "AWS", token); err != nil {
			return started, failed, err
		}
	}
	return started, failed, nil
}

func (g *Guide) startAndDelete(ctx context.Context, pod *corev1.Pod) (pulled bool, err error) {
	if err := g.admitPod(ctx, pod); err != nil {
		return false, err
	}
	if pulled, err = g.watchUntilRunning(ctx, pod); err != nil {
		return pulled, err
	}
	now := metav1.DeleteOptions{GracePeriodSeconds: new(int64)}
	return pulled, g.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, now)
}

func (g *Guide) ecrPod(name string) *corev1.Pod {
	pod := g.appPod("team-red", name)
	pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: tokenSecret}}
	pod.Spec.Containers[0].Image = g.cluster.Registry(node.ECR).Image(repository, tag)
	pod.Spec.Containers[0].ImagePullPolicy = corev1.PullAlways
	return pod
}
