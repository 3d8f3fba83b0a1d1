package e2e

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

func TestSmokeASecretIsPushedIntoANamespaceMadeLater(t *testing.T) {
	t.Parallel()
	prefix := harness.Prefix(t)
	from, to := prefix+"-from", prefix+"-to"
	system.CreateNamespace(t, from)

	mark, err := system.MarkRequests(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	source := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:        "token",
			Annotations: map[string]string{"mirrorball.dev/push-to": prefix + "-t*"},
		},
		Data: map[string][]byte{"token": []byte("one")},
	}
	if _, err := system.Client.CoreV1().Secrets(from).Create(t.Context(), source, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	system.CreateNamespace(t, to)
	harness.Eventually(t, harness.Timeout, func() error {
		replica, err := system.Client.CoreV1().Secrets(to).Get(t.Context(), "token", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if string(replica.Data["token"]) != "one" {
			return fmt.Errorf("the replica %s/%s has not the source's data", to, replica.Name)
		}
		return nil
	})
	system.Unmoved(t, []string{to}, func() {})

	writes, err := system.WritesSince(t.Context(), mark)
	if err != nil {
		t.Fatal(err)
	}
	var here []harness.Request
	for _, request := range writes {
		if request.Namespace == from || request.Namespace == to {
			here = append(here, request)
		}
	}
	if len(here) != 1 || here[0].Verb != "create" || here[0].Namespace != to {
		t.Errorf("the controller wrote %v, want one create in %s", here, to)
	}
}
