package firstpods

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func TestOutcome(t *testing.T) {
	const secret = "pull"
	pod := func(state corev1.ContainerState, secrets ...string) *corev1.Pod {
		pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: make([]corev1.Container, 1)}}
		for _, name := range secrets {
			pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
		}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: state}}
		return pod
	}
	creating := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}
	failed := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull"}}
	runs := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	for name, tc := range map[string]struct {
		needs string
		pods  []*corev1.Pod
		want  outcome
		final bool
	}{
		"it runs": {
			secret, []*corev1.Pod{pod(creating, secret), pod(runs, secret)}, outcome{admitted: 1, running: 2}, true,
		},
		"it is still starting": {
			secret, []*corev1.Pod{pod(creating, secret)}, outcome{admitted: 1}, false,
		},
		"a pull that failed is tried again": {
			secret, []*corev1.Pod{pod(failed, secret)}, outcome{admitted: 1, pullFailed: true}, false,
		},
		"the second pull succeeds": {
			secret, []*corev1.Pod{pod(failed, secret), pod(runs, secret)},
			outcome{admitted: 1, running: 2, pullFailed: true}, true,
		},
		"without the secret the first failed pull is final": {
			secret, []*corev1.Pod{pod(creating, "other"), pod(failed, "other")},
			outcome{admitted: 1, pullFailed: true, doomed: true}, true,
		},
		"it needs no secret": {
			"", []*corev1.Pod{pod(creating), pod(runs)}, outcome{admitted: 1, running: 2}, true,
		},
		"without the secret no failed pull is known yet": {
			secret, []*corev1.Pod{pod(creating)}, outcome{admitted: 1, doomed: true}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got outcome
			final := false
			for i, pod := range tc.pods {
				final = got.observe(pod, tc.needs, time.Duration(i+1))
			}
			if got != tc.want || final != tc.final {
				t.Errorf("got %+v, final %t; want %+v, final %t", got, final, tc.want, tc.final)
			}
		})
	}
}
