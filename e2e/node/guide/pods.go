package guide

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/wait"
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
			if !running(pod) {
				return fmt.Errorf("expected the Pod %s/%s to run, it is %s %s", namespace, name, pod.Status.Phase, waiting(pod))
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
		if !pullError(pod) {
			return fmt.Errorf("expected the Pod %s/%s to wait for its image, it is %s %s", namespace, name,
				pod.Status.Phase, waiting(pod))
		}
		return nil
	})
}

func running(pod *corev1.Pod) bool {
	statuses := pod.Status.ContainerStatuses
	for _, status := range statuses {
		if status.State.Running == nil {
			return false
		}
	}
	return len(statuses) == len(pod.Spec.Containers)
}

func pullError(pod *corev1.Pod) bool {
	reasons := waiting(pod)
	return strings.Contains(reasons, "ErrImagePull") || strings.Contains(reasons, "ImagePullBackOff")
}

// waiting are the reasons for which the containers wait.
func waiting(pod *corev1.Pod) string {
	var reasons []string
	for _, status := range pod.Status.ContainerStatuses {
		if status.State.Waiting != nil {
			reasons = append(reasons, status.State.Waiting.Reason)
		}
	}
	return strings.Join(reasons, ", ")
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
