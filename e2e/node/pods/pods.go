// Package pods reports how far a Pod has come, from its status.
package pods

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Running reports whether all containers of the Pod run.
func Running(pod *corev1.Pod) bool {
	statuses := pod.Status.ContainerStatuses
	for _, status := range statuses {
		if status.State.Running == nil {
			return false
		}
	}
	return len(statuses) == len(pod.Spec.Containers)
}

// PullFailed reports whether a container waits because its image cannot be pulled.
func PullFailed(pod *corev1.Pod) bool {
	reasons := Waiting(pod)
	return strings.Contains(reasons, "ErrImagePull") || strings.Contains(reasons, "ImagePullBackOff")
}

// Waiting returns the reasons for which containers wait.
func Waiting(pod *corev1.Pod) string {
	var reasons []string
	for _, status := range pod.Status.ContainerStatuses {
		if status.State.Waiting != nil {
			reasons = append(reasons, status.State.Waiting.Reason)
		}
	}
	return strings.Join(reasons, ", ")
}
