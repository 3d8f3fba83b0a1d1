package doctor

import (
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// now is the present time of the tests, which no token may be newer than.
var now = time.Date(2030, 1, 10, 12, 0, 0, 0, time.UTC)

var testOptions = Options{Now: now, ExpiresWithin: 14 * 24 * time.Hour}

// auths is the content of a Secret with the same good login for each address.
func auths(addresses ...string) string {
	entries := map[string]any{}
	for _, address := range addresses {
		entries[address] = map[string]any{"username": "robot", "password": "hunter2"}
	}
	return document(map[string]any{"auths": entries})
}

// login is the content of a Secret with one entry.
func login(address, username, password string) string {
	entry := map[string]any{"auth": authField(username, password)}
	return document(map[string]any{"auths": map[string]any{address: entry}})
}

func authField(username, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
}

func document(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func pullSecretOf(namespace, name, content string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, CreationTimestamp: metav1.NewTime(now.Add(-48 * time.Hour)),
		},
		Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(content)},
	}
}

func accountOf(namespace, name string, secrets ...string) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, ImagePullSecrets: referencesTo(secrets),
	}
}

func referencesTo(names []string) []corev1.LocalObjectReference {
	var references []corev1.LocalObjectReference
	for _, name := range names {
		references = append(references, corev1.LocalObjectReference{Name: name})
	}
	return references
}

// runningPod has pulled its image.
func runningPod(namespace, name, image string, secrets ...string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "app", Image: image}}, ImagePullSecrets: referencesTo(secrets),
		},
		Status: corev1.PodStatus{
			Phase:             corev1.PodRunning,
			ContainerStatuses: []corev1.ContainerStatus{{Name: "app", ImageID: "sha256:0"}},
		},
	}
}

// failingPod waits for its image.
func failingPod(namespace, name, image, message string, secrets ...string) *corev1.Pod {
	p := runningPod(namespace, name, image, secrets...)
	p.Status.Phase = corev1.PodPending
	status := &p.Status.ContainerStatuses[0]
	status.ImageID = ""
	status.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: message}
	return p
}

// wantCodes compares the codes of findings, in order.
func wantCodes(t *testing.T, findings []Finding, want ...Code) {
	t.Helper()
	equal := len(findings) == len(want)
	for i := range findings {
		equal = equal && findings[i].Code == want[i]
	}
	if !equal {
		t.Errorf("got %+v, want %v", findings, want)
	}
}
