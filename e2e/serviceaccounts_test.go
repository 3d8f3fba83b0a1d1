package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// credentials are an image pull secret that is pushed, and attached to ServiceAccounts.
func credentials(namespace, name, patterns, accounts string) object {
	o := pushed(secret, namespace, name, patterns)
	o.typ, o.data = corev1.SecretTypeDockerConfigJson, map[string]string{corev1.DockerConfigJsonKey: `{"auths":{}}`}
	o.annotations[native+"attach-to-service-accounts"] = accounts
	return o
}

// account makes a ServiceAccount with these imagePullSecrets.
func (s *scene) account(namespace, name string, secrets ...string) {
	s.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, name := range secrets {
		account.ImagePullSecrets = append(account.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
	}
	_, err := s.system.Client.CoreV1().ServiceAccounts(namespace).Create(s.Context(), account, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) editAccount(namespace, name string, change func(*corev1.ServiceAccount)) {
	s.Helper()
	accounts := s.system.Client.CoreV1().ServiceAccounts(namespace)
	s.must(func() error {
		account, err := accounts.Get(s.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		change(account)
		_, err = accounts.Update(s.Context(), account, metav1.UpdateOptions{})
		return err
	})
}

// pullSecrets waits until a ServiceAccount has exactly these imagePullSecrets, in this order.
func (s *scene) pullSecrets(namespace, name string, want ...string) {
	s.Helper()
	s.eventually(func() error {
		account, err := s.system.Client.CoreV1().ServiceAccounts(namespace).Get(s.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, pullSecretsOf(account), cmpopts.EquateEmpty()); diff != "" {
			return fmt.Errorf("the imagePullSecrets of %s/%s (-want +got):\n%s", namespace, name, diff)
		}
		return nil
	})
}

func pullSecretsOf(account *corev1.ServiceAccount) (names []string) {
	for _, reference := range account.ImagePullSecrets {
		names = append(names, reference.Name)
	}
	return names
}

// TestAttach: a replica is named in the ServiceAccounts that match.
func TestAttach(t *testing.T) {
	s := newScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	s.account(to, "build-a", "theirs")
	s.account(to, "build-b")
	s.account(to, "other")
	s.account(from, "build-a")
	dockercfg := credentials(from, "old-format", to, "build-a")
	dockercfg.typ, dockercfg.data = corev1.SecretTypeDockercfg, map[string]string{corev1.DockerConfigKey: "{}"}
	s.create(dockercfg)
	s.pullSecrets(to, "build-a", "theirs", "old-format")
	renamed := credentials(from, "regcred", s.ns("to*"), "default, build-*, !build-b")
	renamed.annotations[native+"target-name"] = "renamed"
	source := s.create(renamed)
	s.pullSecrets(to, "build-a", "theirs", "old-format", "renamed")
	s.pullSecrets(to, "default", "renamed")

	// Those made later: a ServiceAccount, and a namespace with its default one.
	s.account(to, "build-later")
	s.pullSecrets(to, "build-later", "renamed")
	s.pullSecrets(s.namespace("to-later"), "default", "renamed")
	s.unmoved(nil, from, to, s.ns("to-later"))
	s.pullSecrets(to, "build-b")
	s.pullSecrets(to, "other")
	s.pullSecrets(from, "build-a")
	s.expectNoWarning(source)
}

// TestAttachOtherType: a Secret that is no image pull secret is not attached.
func TestAttachOtherType(t *testing.T) {
	s := newScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	s.account(to, "build")
	source := credentials(from, "token", to, "build")
	source.typ, source.data = corev1.SecretTypeOpaque, map[string]string{corev1.DockerConfigJsonKey: "{}"}
	source = s.create(source)
	s.replicated(source, to)
	s.expectEvent(source, "Ignored", native+"attach-to-service-accounts", "Opaque")
	s.unmoved(nil, to)
	s.pullSecrets(to, "build")
}

// TestAttachOccupied: nothing is attached where the target is occupied.
func TestAttachOccupied(t *testing.T) {
	s := newScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	s.account(to, "build")
	stranger := s.create(object{namespace: to, name: "regcred"})
	source := s.create(credentials(from, "regcred", to, "build"))
	s.expectEvent(source, "Occupied")
	s.unmoved(nil, to)
	s.pullSecrets(to, "build")
	s.delete(stranger)
	s.pullSecrets(to, "build", "regcred")
}

// TestDetach: what was attached is removed again, and nothing else.
func TestDetach(t *testing.T) {
	t.Parallel()
	for title, end := range map[string]func(s *scene, source object, to string){
		"when the source is deleted": func(s *scene, source object, _ string) { s.delete(source) },
		"when its policy is removed": func(s *scene, source object, _ string) {
			s.unannotate(source, native+"push-to")
		},
		"when it is attached to nobody": func(s *scene, source object, _ string) {
			s.unannotate(source, native+"attach-to-service-accounts")
		},
		"when it is attached to others": func(s *scene, source object, _ string) {
			s.annotate(source, native+"attach-to-service-accounts", "x")
		},
		"when the namespace is excluded": func(s *scene, source object, to string) {
			s.annotate(source, native+"exclude", to)
		},
		"when the namespace does not accept": func(s *scene, _ object, to string) { s.accept(to, "") },
		"when somebody makes the replica their own": func(s *scene, source object, to string) {
			s.edit(s.get(secret, to, source.name), func(o *object) { o.labels, o.annotations = nil, nil })
		},
		"when it is no image pull secret more": func(s *scene, source object, to string) {
			s.delete(source)
			s.create(pushed(secret, source.namespace, source.name, to))
		},
	} {
		t.Run(title, func(t *testing.T) {
			s := newScene(t)
			from, to := s.namespace("from"), s.namespace("to")
			s.account(to, "build", "theirs")
			s.account(to, "had-it-before", "regcred", "theirs")
			s.account(to, "x")
			source := s.create(credentials(from, "regcred", to, "build, had-it-before"))
			s.pullSecrets(to, "build", "theirs", "regcred")
			s.editAccount(to, "build", func(a *corev1.ServiceAccount) {
				a.ImagePullSecrets = append(a.ImagePullSecrets, corev1.LocalObjectReference{Name: "theirs-later"})
			})
			end(s, source, to)
			s.pullSecrets(to, "build", "theirs", "theirs-later")
			s.system.CatchUp(s)
			s.unmoved(nil, to)
			s.pullSecrets(to, "had-it-before", "regcred", "theirs")
			account, err := s.system.Client.CoreV1().ServiceAccounts(to).Get(s.Context(), "build", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if memory, ok := account.Annotations[native+"attached"]; ok {
				t.Errorf("it still says that %q is attached", memory)
			}
		})
	}
}

// TestAttachRenamed: a renamed replica is attached under its new name only.
func TestAttachRenamed(t *testing.T) {
	s := newScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	s.account(to, "build", "theirs")
	source := s.create(credentials(from, "regcred", to, "build"))
	s.pullSecrets(to, "build", "theirs", "regcred")
	s.annotate(source, native+"target-name", "renamed")
	s.pullSecrets(to, "build", "theirs", "renamed")
	s.unmoved(nil, to)
}

// TestAttachKept: replicas that are kept stay attached.
func TestAttachKept(t *testing.T) {
	s := newScene(t)
	from, to := s.namespace("from"), s.namespace("to")
	s.account(to, "build")
	kept := credentials(from, "kept", to, "build")
	kept.annotations[native+"on-delete"] = "keep"
	kept = s.create(kept)
	s.pullSecrets(to, "build", "kept")
	removed := s.create(credentials(from, "removed", to, "build"))
	s.pullSecrets(to, "build", "kept", "removed")
	s.delete(kept)
	s.delete(removed)
	s.pullSecrets(to, "build", "kept") // the grace is over for both
}

// Others edit the ServiceAccount all the while: nothing of what they write is lost, and what was attached is taken
// back.
func TestAttachConcurrent(t *testing.T) {
	s := newScene(t)
	const writers = 4
	from, to := s.namespace("from"), s.namespace("to")
	s.account(to, "build", "theirs")
	source := s.create(credentials(from, "regcred", to, "build"))
	has := func(want bool) {
		s.Helper()
		s.eventually(func() error {
			account, err := s.system.Client.CoreV1().ServiceAccounts(to).Get(s.Context(), "build", metav1.GetOptions{})
			if err == nil && slices.Contains(pullSecretsOf(account), "regcred") != want {
				err = fmt.Errorf("whether it is attached is %t", !want)
			}
			return err
		})
	}
	has(true)

	var others sync.WaitGroup
	var edits [writers]int
	done := make(chan struct{})
	for writer := range writers {
		others.Go(func() {
			for edit := 0; ; edit++ {
				select {
				case <-done:
					edits[writer] = edit
					return
				default:
				}
				s.editAccount(to, "build", func(a *corev1.ServiceAccount) {
					mine := fmt.Sprintf("of-%d-", writer)
					a.ImagePullSecrets = append(a.ImagePullSecrets, corev1.LocalObjectReference{Name: mine + fmt.Sprint(edit)})
					if a.Labels == nil {
						a.Labels = map[string]string{}
					}
					a.Labels[fmt.Sprintf("edits-of-%d", writer)] = fmt.Sprint(edit + 1)
					a.Secrets = append(a.Secrets, corev1.ObjectReference{Name: mine + fmt.Sprint(edit)})
				})
			}
		})
	}
	for range 5 {
		s.unannotate(source, native+"attach-to-service-accounts")
		has(false)
		s.annotate(source, native+"attach-to-service-accounts", "build")
		has(true)
	}
	close(done)
	others.Wait()
	s.unannotate(source, native+"attach-to-service-accounts")
	has(false)

	account, err := s.system.Client.CoreV1().ServiceAccounts(to).Get(s.Context(), "build", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"theirs"}
	for writer := range writers {
		if got := account.Labels[fmt.Sprintf("edits-of-%d", writer)]; got != fmt.Sprint(edits[writer]) {
			t.Errorf("writer %d's label says %q edits, not %d", writer, got, edits[writer])
		}
		for edit := range edits[writer] {
			want = append(want, fmt.Sprintf("of-%d-%d", writer, edit))
		}
	}
	if diff := cmp.Diff(want, pullSecretsOf(account), cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("imagePullSecrets (-want +got):\n%s", diff)
	}
	if got := len(account.Secrets); got != len(want)-1 {
		t.Errorf("it has %d secrets, not %d", got, len(want)-1)
	}
}
