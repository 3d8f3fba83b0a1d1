package firstpods

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	applyappsv1 "k8s.io/client-go/applyconfigurations/apps/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	applymetav1 "k8s.io/client-go/applyconfigurations/meta/v1"
)

const (
	// deployment is the name of the Deployment.
	deployment = "web"
	// patience is how long a Pod may take that is not doomed. A failed pull is tried again after ten seconds, and then
	// twice as much each time.
	patience = 3 * time.Minute
	// goneLimit is how long a Pod may take to be gone.
	goneLimit = 2 * time.Minute
)

// applyOptions are those of a person who applies manifests.
var applyOptions = metav1.ApplyOptions{FieldManager: "kubectl", Force: true}

// tryPod starts one Pod in a namespace, and deletes both.
func (r *runner) tryPod(ctx context.Context, w way, namespace string) (o outcome, err error) {
	if w.prepare != nil {
		if err := w.prepare(ctx, namespace); err != nil {
			return o, err
		}
	}
	events, err := r.client.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return o, err
	}
	defer events.Stop()
	begin := time.Now()
	if err := r.apply(ctx, namespace, w.image); err != nil {
		return o, err
	}
	err = follow(ctx, events, patience, func(event watch.EventType, pod *corev1.Pod) bool {
		return event != watch.Deleted && o.observe(pod, w.secret, time.Since(begin))
	})
	if err != nil && !errors.Is(err, errPatience) {
		return o, err
	}
	if o.admitted == 0 {
		return o, fmt.Errorf("expected a Pod of the Deployment %s/%s, got none within %s", namespace, deployment, patience)
	}
	return o, r.remove(ctx, events, namespace)
}

// apply applies the Namespace and the Deployment, as `kubectl apply` does with a file of both.
func (r *runner) apply(ctx context.Context, namespace, image string) error {
	_, err := r.client.CoreV1().Namespaces().Apply(ctx, applycorev1.Namespace(namespace), applyOptions)
	if err != nil {
		return err
	}
	labels := map[string]string{"app": deployment}
	object := applyappsv1.Deployment(deployment, namespace).WithSpec(applyappsv1.DeploymentSpec().
		WithReplicas(1).
		WithSelector(applymetav1.LabelSelector().WithMatchLabels(labels)).
		WithTemplate(applycorev1.PodTemplateSpec().WithLabels(labels).WithSpec(applycorev1.PodSpec().
			WithContainers(applycorev1.Container().WithName("app").WithImage(image)))))
	_, err = r.client.AppsV1().Deployments(namespace).Apply(ctx, object, applyOptions)
	return err
}

// remove deletes the namespace, and returns when the Pod is gone: it keeps a place on the node until then. Kubernetes
// waits for some seconds before it deletes what is in a namespace, so the Pod is deleted here. No other is admitted.
func (r *runner) remove(ctx context.Context, events watch.Interface, namespace string) error {
	if err := r.client.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{}); err != nil {
		return err
	}
	err := r.client.CoreV1().Pods(namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
	if err != nil {
		return err
	}
	err = follow(ctx, events, goneLimit, func(event watch.EventType, _ *corev1.Pod) bool { return event == watch.Deleted })
	if err != nil {
		return fmt.Errorf("expected the Pod in %s to go with its namespace: %w", namespace, err)
	}
	return nil
}

// errPatience says that what was waited for took too long.
var errPatience = errors.New("it took too long")

// follow passes the events of a watch on until done, or until they took too long.
func follow(
	ctx context.Context, events watch.Interface, limit time.Duration, done func(watch.EventType, *corev1.Pod) bool,
) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case event, open := <-events.ResultChan():
			pod, isPod := event.Object.(*corev1.Pod)
			if !open || !isPod {
				return errors.New("the watch of the Pods ended")
			}
			if done(event.Type, pod) {
				return nil
			}
		case <-timer.C:
			return fmt.Errorf("%w: more than %s", errPatience, limit)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
