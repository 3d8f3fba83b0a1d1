package doctor

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// pod is what the checks need of a Pod.
type pod struct {
	object     Object
	account    string
	secrets    []string
	containers []container
}

// container is one container of a Pod.
type container struct {
	name    string
	image   string
	parsed  Image
	problem error
	// pulled is set if the image is on the node.
	pulled bool
	// reason and message are those of a pull that fails.
	reason, message string
}

// failing reports whether the image cannot be pulled.
func (c container) failing() bool { return c.reason != "" }

// pullReasons are the reasons with which a container waits for its image.
var pullReasons = map[string]bool{
	"ErrImagePull": true, "ImagePullBackOff": true, "ErrImageNeverPull": true, "InvalidImageName": true,
	"RegistryUnavailable": true, "ImageInspectError": true, "SignatureValidationFailed": true,
	"FailedPullImage": true,
}

func newPod(p *corev1.Pod) *pod {
	account := p.Spec.ServiceAccountName
	if account == "" {
		account = "default"
	}
	return &pod{
		object:     Object{Kind: "pod", Namespace: p.Namespace, Name: p.Name},
		account:    account,
		secrets:    names(p.Spec.ImagePullSecrets),
		containers: containers(p),
	}
}

func containers(p *corev1.Pod) []container {
	statuses := slices.Concat(
		p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses)
	images := slices.Concat(p.Spec.InitContainers, p.Spec.Containers)
	for _, ephemeral := range p.Spec.EphemeralContainers {
		images = append(images, corev1.Container{Name: ephemeral.Name, Image: ephemeral.Image})
	}
	all := make([]container, 0, len(images))
	for _, image := range images {
		c := container{name: image.Name, image: image.Image}
		c.parsed, c.problem = ParseImage(image.Image)
		for _, status := range statuses {
			if status.Name != c.name {
				continue
			}
			c.pulled = status.ImageID != ""
			if waiting := status.State.Waiting; waiting != nil && pullReasons[waiting.Reason] {
				c.reason, c.message = waiting.Reason, waiting.Message
			}
		}
		all = append(all, c)
	}
	return all
}
