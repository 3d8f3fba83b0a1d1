package replicator

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

const own = "mirrorball-system"

func withBornAttached(o *Options) { o.BornAttached = true }

// credentials are an image pull secret that is pushed to a namespace, and attached.
func (w *runningTest) credentials(namespace, name, to string) *corev1.Secret {
	w.Helper()
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Annotations: map[string]string{
			annotations.PushTo: to, annotations.AttachToServiceAccounts: "default",
		}},
		Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{}}`)},
	}
	created, err := w.client.CoreV1().Secrets(namespace).Create(w.Context(), s, metav1.CreateOptions{})
	if err != nil {
		w.Fatal(err)
	}
	return created
}

// settle gives the controller time for all that it has to do.
func settle() {
	<-time.After(5 * time.Minute) // of the bubble's
	synctest.Wait()
}

// attachments checks for which sources there are attachments, and returns the ConfigMaps.
func (w *runningTest) attachments(moment string, want ...string) []corev1.ConfigMap {
	w.Helper()
	settle()
	list, err := w.client.CoreV1().ConfigMaps(own).List(w.Context(), metav1.ListOptions{
		LabelSelector: informers.LabelAttachment,
	})
	if err != nil {
		w.Fatal(err)
	}
	var got []string
	for i := range list.Items {
		got = append(got, list.Items[i].Data["source"])
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		w.Errorf("%s: there are attachments of %q, want %q", moment, got, want)
	}
	return list.Items
}

// TestAttachments: there is an attachment for each source that attaches, for as long as it does.
func TestAttachments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRunningTest(t, withBornAttached)
		secrets := w.client.CoreV1().Secrets(own)
		w.put(own, "other", "x", "a")
		w.credentials("from", "no-right", "a")
		source := w.credentials(own, "regcred", "a")
		w.attachments("created", own+"/regcred")
		w.takeWrites("configmaps")

		source.Labels = map[string]string{"an": "edit"}
		source, err := secrets.Update(t.Context(), source, metav1.UpdateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		w.attachments("edited elsewhere", own+"/regcred")
		if n := w.takeWrites("configmaps"); n != 0 {
			t.Errorf("it was written %d times, and had not changed", n)
		}
		source.Annotations[annotations.AttachToServiceAccounts] = "build"
		if source, err = secrets.Update(t.Context(), source, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := w.attachments("changed", own+"/regcred"); len(got) == 1 && got[0].Data["accounts"] != "name=^(?:build)$" {
			t.Errorf("it attaches to %q", got[0].Data["accounts"])
		}
		source.Annotations[annotations.Paused] = "true"
		if source, err = secrets.Update(t.Context(), source, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		w.attachments("paused")
		delete(source.Annotations, annotations.Paused)
		if _, err = secrets.Update(t.Context(), source, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		w.attachments("not paused any more", own+"/regcred")
		if err := secrets.Delete(t.Context(), "regcred", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		w.attachments("deleted")
	})
}

// TestAttachmentsEdited: what somebody does to an attachment is put back.
func TestAttachmentsEdited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRunningTest(t, withBornAttached)
		configMaps := w.client.CoreV1().ConfigMaps(own)
		w.credentials(own, "regcred", "a")
		cm := w.attachments("created", own+"/regcred")[0]
		want := cm.Data["namespaces"]
		cm.Data["namespaces"] = "name=^.*$"
		if _, err := configMaps.Update(t.Context(), &cm, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := w.attachments("edited", own+"/regcred")[0].Data["namespaces"]; got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
		if err := configMaps.Delete(t.Context(), cm.Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		w.attachments("deleted", own+"/regcred")
	})
}

// TestAttachmentsOutdated: at the start, the attachments go whose source is gone.
func TestAttachmentsOutdated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRunningTest(t) // it keeps none
		w.credentials(own, "regcred", "a")
		gone := informers.Attachment{Source: types.NamespacedName{Namespace: "from", Name: "gone"}, Secret: "gone"}
		_, err := w.client.CoreV1().ConfigMaps(own).Create(t.Context(), gone.ConfigMap(own), metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		w.attachments("with the feature off", "from/gone")
		w.start(withBornAttached)
		w.attachments("with the feature on", own+"/regcred")
	})
}

// TestMaxAttachments: where more sources attach, there are as many attachments as the limit allows.
func TestMaxAttachments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRunningTest(t, withBornAttached)
		for i := range maxAttachments + 3 {
			w.credentials(own, fmt.Sprintf("regcred-%d", i), "a")
			synctest.Wait()
		}
		settle()
		list, err := w.client.CoreV1().ConfigMaps(own).List(t.Context(), metav1.ListOptions{
			LabelSelector: informers.LabelAttachment,
		})
		if err != nil || len(list.Items) != maxAttachments {
			t.Errorf("there are %d attachments, want %d: %v", len(list.Items), maxAttachments, err)
		}
	})
}
