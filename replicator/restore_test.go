package replicator

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
)

// TestFightOverPolicy: what keeps the policy of a source is written with backoff where somebody keeps undoing it.
func TestFightOverPolicy(t *testing.T) {
	for title, tc := range map[string]struct {
		resource string
		undo     func(w *runningTest) error
	}{
		"somebody keeps removing the annotations": {"secrets", func(w *runningTest) error {
			s, err := w.client.CoreV1().Secrets("from").Get(w.Context(), "s", metav1.GetOptions{})
			if err != nil || s.Annotations == nil {
				return err
			}
			s.Annotations = nil
			_, err = w.client.CoreV1().Secrets("from").Update(w.Context(), s, metav1.UpdateOptions{})
			return err
		}},
		"somebody keeps deleting the record": {"configmaps", func(w *runningTest) error {
			err := w.client.CoreV1().ConfigMaps("mirrorball-system").
				Delete(w.Context(), informers.RecordName(testSource), metav1.DeleteOptions{})
			if apierrors.IsNotFound(err) {
				return nil
			}
			return err
		}},
	} {
		t.Run(title, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newRunningTest(t)
				notes := map[string]string{annotations.PushTo: "a", annotations.SurvivesRecreation: "true"}
				s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "from", Name: "s", Annotations: notes}}
				if _, err := w.client.CoreV1().Secrets("from").Create(t.Context(), s, metav1.CreateOptions{}); err != nil {
					t.Fatal(err)
				}
				<-time.After(time.Minute)
				w.takeWrites(tc.resource)
				for range 600 {
					if err := tc.undo(w); err != nil {
						t.Fatal(err)
					}
					<-time.After(100 * time.Millisecond)
				}
				if n := w.takeWrites(tc.resource); n < toleratedWrites || n > 2*toleratedWrites {
					t.Errorf("%d writes in a minute, want %d to %d", n, toleratedWrites, 2*toleratedWrites)
				}
				if w.events(reasonContended) == 0 {
					t.Error("nobody is told of it")
				}
				<-time.After(2 * maxBackoff)
				synctest.Wait()
				s, err := w.client.CoreV1().Secrets("from").Get(t.Context(), "s", metav1.GetOptions{})
				if err != nil || s.Annotations[annotations.PushTo] != "a" {
					t.Errorf("after the fight the annotations are %v, %v", s.Annotations, err)
				}
				_, err = w.client.CoreV1().ConfigMaps("mirrorball-system").
					Get(t.Context(), informers.RecordName(testSource), metav1.GetOptions{})
				if err != nil {
					t.Errorf("after the fight there is no record: %v", err)
				}
			})
		})
	}
}
