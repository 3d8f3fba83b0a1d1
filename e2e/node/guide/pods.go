package guide

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/wait"
	"github.com/mirrorball-dev/mirrorball/e2e/node/pods"
)

// runPod is the command that starts a Pod which names pull secrets.
func runPod(namespace, name, image string, secrets ...string) string {
	command := fmt.Sprintf("kubectl -n %s run %s --image=%s", namespace, name, image)
	if len(secrets) == 0 {
		return command
	}
	var names []string
	for _, secret := range secrets {
		names = append(names, fmt.Sprintf(`{"name":%q}`, secret))
	}
	return command + fmt.Sprintf(" \\\n  --overrides='{\"spec\":{\"imagePullSecrets\":[%s]}}'", strings.Join(names, ","))
}

// awaitRunning waits until all containers of the Pods run.
func (g *Guide) awaitRunning(ctx context.Context, namespace string, names ...string) error {
	for _, name := range names {
		begin := time.Now()
		err := wait.Until(ctx, nil, func(ctx context.Context) error {
			pod, err := g.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if !pods.Running(pod) {
				return fmt.Errorf("expected the Pod %s/%s to run, it is %s %s", namespace, name, pod.Status.Phase,
					pods.Waiting(pod))
			}
			return nil
		})
		if err != nil {
			return err
		}
		g.screen.Done(fmt.Sprintf("the Pod %s/%s runs", namespace, name), time.Since(begin))
	}
	return nil
}

// awaitPullError waits until a Pod waits because its image cannot be pulled.
func (g *Guide) awaitPullError(ctx context.Context, namespace, name string) error {
	return wait.Until(ctx, nil, func(ctx context.Context) error {
		pod, err := g.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if !pods.PullFailed(pod) {
			return fmt.Errorf("expected the Pod %s/%s to wait for its image, it is %s %s", namespace, name,
				pod.Status.Phase, pods.Waiting(pod))
		}
		return nil
	})
}

// awaitOutput runs a command until its output contains a text, and then shows it.
func (g *Guide) awaitOutput(ctx context.Context, command, want string) error {
	quiet := g.quiet()
	var output string
	err := wait.Until(ctx, nil, func(ctx context.Context) (err error) {
		output, err = quiet.Run(ctx, command)
		if err == nil && !strings.Contains(output, want) {
			err = fmt.Errorf("expected %q in the output of `%s`", want, command) // without the output, which shows ages
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%w, got:\n%s", err, output)
	}
	g.screen.Command(command)
	g.screen.Output(output)
	return nil
}
