package guide

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/e2e/node"
)

// tokenSecret is the secret in deploy/examples/rotation.yaml, which the CronJob deletes and creates.
const tokenSecret = "ecr-credentials"

// rotations are how often the secret has to be made anew while Pods start: twice by the CronJob's own schedule takes two
// minutes, which is longer than a token lives.
const rotations = 2

func (g *Guide) rotation(ctx context.Context) error {
	if err := g.installRotation(ctx); err != nil {
		return err
	}
	if _, err := g.sh(ctx, "kubectl -n platform create job --from=cronjob/ecr-rotation first-rotation"); err != nil {
		return err
	}
	if err := g.awaitSecret(ctx, "team-red", tokenSecret, holdsToken); err != nil {
		return err
	}
	g.screen.Checkf("the job has made the secret, and team-red has a replica with the token")
	first, err := g.client.CoreV1().Secrets(platform).Get(ctx, tokenSecret, metav1.GetOptions{})
	if err != nil {
		return err
	}
	started, failed, err := g.startPodsDuringRotation(ctx, first.UID)
	if err != nil {
		return err
	}
	return g.judgeRotation(ctx, first, started, failed)
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

// holdsToken reports whether a pull secret names a registry; the first one of the example does not.
func holdsToken(secret *corev1.Secret) error {
	var config struct {
		Auths map[string]any `json:"auths"`
	}
	if err := json.Unmarshal(secret.Data[corev1.DockerConfigJsonKey], &config); err != nil {
		return errors.New("expected a Docker configuration in the secret, got something else")
	}
	if len(config.Auths) == 0 {
		return errors.New("expected a registry in the secret, got none yet")
	}
	return nil
}

// startPodsDuringRotation starts one Pod after the other until the secret has been made anew often enough. It returns
// how many Pods ran, and how many of them saw a pull fail.
func (g *Guide) startPodsDuringRotation(ctx context.Context, last types.UID) (started, failed int, err error) {
	g.screen.Command("while true; do kubectl -n team-red run …; done   # each Pod asks the registry: imagePullPolicy Always")
	for seen := 0; seen < rotations; started++ {
		pod := g.ecrPod(fmt.Sprintf("during-rotation-%d", started))
		pulled, err := g.startPod(ctx, pod)
		if err != nil {
			return started, failed, err
		}
		if !pulled {
			failed++
		}
		now := metav1.DeleteOptions{GracePeriodSeconds: new(int64)}
		if err := g.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, now); err != nil {
			return started, failed, err
		}
		secret, err := g.client.CoreV1().Secrets(platform).Get(ctx, tokenSecret, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue // between delete and create
		}
		if err != nil {
			return started, failed, err
		}
		if secret.UID != last {
			last = secret.UID
			seen++
		}
	}
	return started, failed, nil
}

func (g *Guide) ecrPod(name string) *corev1.Pod {
	pod := g.appPod("team-red", name)
	pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: tokenSecret}}
	pod.Spec.Containers[0].Image = g.cluster.Registry(node.ECR).Image(repository, tag)
	pod.Spec.Containers[0].ImagePullPolicy = corev1.PullAlways
	return pod
}

// judgeRotation checks that the first token has expired, and that no Pod noticed.
func (g *Guide) judgeRotation(ctx context.Context, first *corev1.Secret, started, failed int) error {
	var config struct {
		Auths map[string]struct{ Username, Password string } `json:"auths"`
	}
	if err := json.Unmarshal(first.Data[corev1.DockerConfigJsonKey], &config); err != nil {
		return err
	}
	ecr := g.cluster.Registry(node.ECR)
	login := config.Auths[ecr.Host]
	begin := time.Now()
	for expired := false; !expired; {
		accepted, err := ecr.Accepts(ctx, login.Username, login.Password)
		if err != nil {
			return err
		}
		if expired = !accepted; !expired && time.Since(begin) > 2*ecr.TokenLifetime {
			return errors.New("expected the registry to refuse the first token by now")
		}
	}
	g.screen.Checkf("the registry has refused the first token since %s after it was issued", ecr.TokenLifetime)
	if failed > 0 {
		return fmt.Errorf("expected no Pod with ErrImagePull during the rotations, got %d of %d", failed, started)
	}
	g.screen.Checkf("%d Pods started one after the other, while the CronJob deleted and created the secret %d times: "+
		"none saw ErrImagePull", started, rotations)
	return g.awaitOutput(ctx, "kubectl -n team-red get secret ecr-credentials -L mirrorball.dev/source-namespace", platform)
}
