package guide

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/mirrorball-dev/mirrorball/e2e/node"
	"github.com/mirrorball-dev/mirrorball/e2e/node/pods"
)

const (
	// rounds is how often the first Pod is measured, each time with and without a secret made beforehand.
	rounds = 9
	// admissionInterval is how often a Pod is tried again in a namespace that has no ServiceAccount yet.
	admissionInterval = 5 * time.Millisecond
	// worthwhile is the ratio that is wanted. It is shown and not asserted: machines differ.
	worthwhile = 1.5
)

// measured is how the start of a Pod went: how long it took until the namespace admitted the Pod, and until it ran, and
// whether no pull failed on the way.
type measured struct {
	admitted, running time.Duration
	pulled            bool
}

// firstPod compares the time from the request that makes a namespace to the running Pod with the time that a Pod takes
// whose namespace and secret have been made before.
func (g *Guide) firstPod(ctx context.Context) error {
	g.screen.Command("kubectl create namespace team-new && kubectl -n team-new run web …   # at once")
	var admitted, moment, beforehand []time.Duration
	failed := 0
	for round := range rounds {
		took, err := g.measureBeforehand(ctx, fmt.Sprintf("prepared-%d", round))
		if err != nil {
			return err
		}
		beforehand = append(beforehand, took.running)
		if took, err = g.measureMoment(ctx, fmt.Sprintf("team-new-%d", round)); err != nil {
			return err
		}
		admitted, moment = append(admitted, took.admitted), append(moment, took.running)
		if !took.pulled {
			failed++
		}
	}
	before, now := median(beforehand), median(moment)
	ratio := now.Seconds() / before.Seconds()
	g.screen.Done("a Pod runs whose namespace and secret were made by hand beforehand, median", before)
	g.screen.Done("a Pod runs whose namespace was made together with it, from the namespace on, median", now)
	g.screen.Done("of this, Kubernetes takes until it admits a Pod to a new namespace, median", median(admitted))
	g.screen.Checkf("ratio %.2f (at most %.1f is wanted), %d of %d Pods saw ErrImagePull on their way", ratio, worthwhile,
		failed, rounds)
	return nil
}

func median(values []time.Duration) time.Duration {
	slices.Sort(values)
	return values[len(values)/2]
}

// measureBeforehand measures a Pod whose namespace has its secret, which nobody mirrors.
func (g *Guide) measureBeforehand(ctx context.Context, namespace string) (measured, error) {
	if err := g.createNamespace(ctx, namespace); err != nil {
		return measured{}, err
	}
	if err := g.awaitServiceAccount(ctx, namespace, "default"); err != nil {
		return measured{}, err
	}
	source, err := g.client.CoreV1().Secrets(infra).Get(ctx, node.DockerHub, metav1.GetOptions{})
	if err != nil {
		return measured{}, err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: source.Name}, Type: source.Type, Data: source.Data,
	}
	if _, err := g.client.CoreV1().Secrets(namespace).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		return measured{}, err
	}
	return g.measurePod(ctx, namespace, time.Now())
}

// measureMoment measures a Pod whose namespace is made just now.
func (g *Guide) measureMoment(ctx context.Context, namespace string) (measured, error) {
	begin := time.Now()
	if err := g.createNamespace(ctx, namespace); err != nil {
		return measured{}, err
	}
	return g.measurePod(ctx, namespace, begin)
}

func (g *Guide) measurePod(ctx context.Context, namespace string, begin time.Time) (m measured, err error) {
	pod := g.appPod(namespace, "web")
	if err := g.admitPod(ctx, pod); err != nil {
		return m, err
	}
	m.admitted = time.Since(begin)
	m.pulled, err = g.watchUntilRunning(ctx, pod)
	m.running = time.Since(begin)
	return m, err
}

func (g *Guide) createNamespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := g.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	return err
}

// appPod is a Pod with the private image of Docker Hub, which names its pull secret.
func (g *Guide) appPod(namespace, name string) *corev1.Pod {
	image := g.cluster.Registry(node.DockerHub).Image(repository, tag)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PodSpec{
			ImagePullSecrets: []corev1.LocalObjectReference{{Name: node.DockerHub}},
			Containers:       []corev1.Container{{Name: "app", Image: image}},
		},
	}
}

// watchUntilRunning waits until a Pod runs. It reports whether no pull failed on the way.
func (g *Guide) watchUntilRunning(ctx context.Context, pod *corev1.Pod) (pulled bool, err error) {
	watch, err := g.client.CoreV1().Pods(pod.Namespace).Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, pod.Name).String(),
	})
	if err != nil {
		return false, err
	}
	defer watch.Stop()
	pulled = true
	for {
		select {
		case event, open := <-watch.ResultChan():
			now, isPod := event.Object.(*corev1.Pod)
			if !open || !isPod {
				return false, fmt.Errorf("the watch of the Pod %s/%s ended", pod.Namespace, pod.Name)
			}
			if pods.PullFailed(now) {
				pulled = false
			}
			if pods.Running(now) {
				return pulled, nil
			}
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// admitPod creates a Pod. A new namespace admits none before its ServiceAccount exists.
func (g *Guide) admitPod(ctx context.Context, pod *corev1.Pod) error {
	ticker := time.NewTicker(admissionInterval)
	defer ticker.Stop()
	for {
		_, err := g.client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
		if !apierrors.IsForbidden(err) {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", err, ctx.Err())
		}
	}
}
