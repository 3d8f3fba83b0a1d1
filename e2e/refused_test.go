package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// refuses waits until the API server refuses, or takes again, the creation of replicas in the namespace.
func (s *scene) refuses(namespace string, k kind, want bool) {
	s.Helper()
	probe := object{kind: k, namespace: namespace, name: "probe", labels: map[string]string{native + "replica": "probe"}}
	s.eventually(func() error {
		created, err := s.tryCreate(probe)
		if err == nil {
			s.delete(created)
		}
		if refused := apierrors.IsForbidden(err) || apierrors.IsInvalid(err); refused == want {
			return nil
		}
		return errors.Join(fmt.Errorf("the creation is to be refused: %t", want), err)
	})
}

// TestQuota: a quota that is used up blocks its own namespace alone, until it goes.
func TestQuota(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, full, free := s.namespace("from"), s.namespace("to-full"), s.namespace("to-free")
		quotas := s.system.Client.CoreV1().ResourceQuotas(full)
		quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "none"}}
		count := corev1.ResourceName("count/" + k.resource())
		quota.Spec.Hard = corev1.ResourceList{count: resource.MustParse("0")}
		if _, err := quotas.Create(s.Context(), quota, metav1.CreateOptions{}); err != nil {
			s.Fatal(err)
		}
		s.refuses(full, k, true)

		source := s.create(object{
			kind: k, namespace: from, name: "token", data: map[string]string{"token": "one"},
			annotations: annotated(native+"push-to", s.ns("to-*")),
		})
		s.replicated(source, free)
		event := s.expectEvent(source, "Blocked", full+"/token", "quota", "(403)", "retried with backoff")
		if event.Type != corev1.EventTypeWarning {
			s.Errorf("the event is of type %s", event.Type)
		}
		source = s.edit(source, func(o *object) { o.data["token"] = "two" })
		s.replicated(source, free)
		s.replicated(source, s.namespace("to-later"))
		s.absent(k, full, "token")

		if err := quotas.Delete(s.Context(), quota.Name, metav1.DeleteOptions{}); err != nil {
			s.Fatal(err)
		}
		s.replicated(source, full)
	})
}

// TestAdmissionPolicy: an admission policy that refuses replicas blocks its own namespace alone.
func TestAdmissionPolicy(t *testing.T) {
	forEachKind(t, func(s *scene, k kind) {
		from, closed, open := s.namespace("from"), s.namespace("to-closed"), s.namespace("to-open")
		source := s.create(object{
			kind: k, namespace: from, name: "token", data: map[string]string{"token": "one"}, immutable: true,
			annotations: annotated(native+"push-to", s.ns("to-*")),
		})
		s.replicated(source, open)
		replica := s.replicated(source, closed)
		allow := s.forbidReplicas(closed, k)

		// What is refused here is the creation, so a replica that can't be changed in place is not removed either.
		s.delete(source)
		source = s.create(object{
			kind: k, namespace: from, name: "token", data: map[string]string{"token": "two"},
			annotations: annotated(native+"push-to", s.ns("to-*")),
		})
		s.replicated(source, open)
		s.expectEvent(source, "Blocked", closed+"/token", "rejected by admission", "(422)")
		s.untouched(replica)

		allow()
		s.replicated(source, closed)
	})
}

// forbidReplicas has an admission policy refuse the creation of replicas in a namespace, until allow is called.
func (s *scene) forbidReplicas(namespace string, k kind) (allow func()) {
	s.Helper()
	client := s.system.Client.AdmissionregistrationV1()
	name := s.ns("no-replicas")
	_, err := client.ValidatingAdmissionPolicies().Create(s.Context(), &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: metav1.AddLabelToSelector(&metav1.LabelSelector{}, corev1.LabelMetadataName, namespace),
				ResourceRules: []admissionv1.NamedRuleWithOperations{{
					RuleWithOperations: admissionv1.RuleWithOperations{
						Operations: []admissionv1.OperationType{admissionv1.Create},
						Rule: admissionv1.Rule{
							APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{k.resource()},
						},
					},
				}},
			},
			Validations: []admissionv1.Validation{{
				Expression: `!has(object.metadata.labels) || !("mirrorball.dev/replica" in object.metadata.labels)`,
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
	_, err = client.ValidatingAdmissionPolicyBindings().Create(s.Context(), &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
	s.refuses(namespace, k, true)
	return func() {
		s.Helper()
		if err := client.ValidatingAdmissionPolicyBindings().Delete(s.Context(), name, metav1.DeleteOptions{}); err != nil {
			s.Fatal(err)
		}
		s.refuses(namespace, k, false)
	}
}

// TestMissingRights: the controller waits for rights that are taken away for a while.
func TestMissingRights(t *testing.T) {
	s := ownScene(t)
	controller := s.system.Controller(s)
	from, to := s.namespace("from"), s.namespace("to")
	source := s.create(object{
		kind: secret, namespace: from, name: "token", data: map[string]string{"token": "one"},
		annotations: annotated(native+"push-to", s.ns("to*")),
	})
	replica := s.replicated(source, to)

	bindings := s.system.Client.RbacV1().ClusterRoleBindings()
	binding, err := bindings.Get(s.Context(), harness.ServiceAccount, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := bindings.Delete(s.Context(), binding.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	// The streams go on for as long as they are open; that its content can't be read shows that the rights are gone.
	s.eventually(func() error {
		source = s.edit(source, func(o *object) { o.data["token"] += "." })
		page, err := controller.Get(s.Context(), "/metrics")
		if err == nil && !strings.Contains(page, `mirrorball_reconcile_seconds_count{result="error"}`) {
			err = errors.New("no pass has failed yet")
		}
		return err
	})
	before := s.get(secret, to, "token")
	source = s.edit(source, func(o *object) { o.data["token"] = "two" })
	later := s.namespace("to-later")
	if before.uid != replica.uid {
		t.Errorf("%s was made again", before)
	}
	binding.ResourceVersion, binding.UID = "", ""
	if _, err := bindings.Create(s.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if now := s.replicated(source, to); now.uid != replica.uid {
		t.Errorf("%s was made again", now)
	}
	s.replicated(source, later)
}
