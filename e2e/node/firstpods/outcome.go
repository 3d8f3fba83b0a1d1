package firstpods

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/node/pods"
)

// outcome is how a Pod came up. The times count from the request that applied its namespace.
type outcome struct {
	// admitted is when the Pod was there.
	admitted time.Duration
	// running is when its container ran; 0 if it never did.
	running time.Duration
	// pullFailed says that it waited with ErrImagePull or ImagePullBackOff.
	pullFailed bool
	// doomed says that it was admitted without the pull secret.
	doomed bool
}

// observe takes in what a watch says of the Pod, and reports whether the outcome is final. An empty secret is none that
// the Pod needs.
func (o *outcome) observe(pod *corev1.Pod, secret string, since time.Duration) bool {
	if o.admitted == 0 {
		o.admitted = since
		o.doomed = secret != "" && !slices.Contains(pod.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: secret})
	}
	if pods.PullFailed(pod) {
		o.pullFailed = true
	}
	if pods.Running(pod) {
		o.running = since
	}
	return o.running > 0 || (o.doomed && o.pullFailed)
}
