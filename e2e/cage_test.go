package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// TestCage: the controller does all its work under the policies, without one refusal; and whoever has its token can't
// do what it never does.
func TestCage(t *testing.T) {
	s := sceneWith(t, harness.Cage, harness.Guard)
	if err := s.system.WriteRules(t.Context(), harness.OpenRules); err != nil {
		t.Fatal(err)
	}
	c := s.system.Controller(s, "--source-delete-grace=1h")
	t.Run("work", func(t *testing.T) {
		for title, work := range works {
			t.Run(title, func(t *testing.T) {
				t.Parallel()
				work(s.part(t))
			})
		}
	})
	if err := checkCage(t.Context(), s.system); err != nil {
		t.Error(err)
	}
	s.stop(c)
	s.typeChecked()

	a := newAttack(s)
	t.Run("attack", func(t *testing.T) {
		for title, tc := range attacks {
			t.Run(title, func(t *testing.T) {
				t.Parallel()
				expectRefusal(t, tc.try(a), tc.want)
			})
		}
	})
	a.becomeAdministrator()
	t.Run("attack as an administrator", func(t *testing.T) {
		for title, tc := range administratorAttacks {
			t.Run(title, func(t *testing.T) {
				t.Parallel()
				expectRefusal(t, tc.try(a), tc.want)
			})
		}
	})
	a.unharmed()
}

// typeChecked asserts that the API server finds no fault with the types in the expressions.
func (s *scene) typeChecked() {
	s.Helper()
	policies := s.system.Client.AdmissionregistrationV1().ValidatingAdmissionPolicies()
	s.eventually(func() error {
		list, err := policies.List(s.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, policy := range list.Items {
			checked := policy.Status.TypeChecking
			if policy.Status.ObservedGeneration != policy.Generation || checked == nil {
				return fmt.Errorf("the types of %s are not checked yet", policy.Name)
			}
			for _, warning := range checked.ExpressionWarnings {
				s.Errorf("%s: %s: %s", policy.Name, warning.FieldRef, warning.Warning)
			}
		}
		return nil
	})
}

// sub is the same test in further namespaces.
func (s *scene) sub(name string) *scene {
	initial := strings.ToLower(name[:1]) // a namespace's name is short
	return &scene{TB: s.TB, system: s.system, prefix: s.prefix + "-" + initial}
}

// works are all that the controller does.
var works = map[string]func(s *scene){
	"push, update, recreate and remove": func(s *scene) {
		for _, k := range []kind{secret, configMap} {
			from, to := s.namespace("from-"+strings.ToLower(string(k))), s.namespace("to-"+strings.ToLower(string(k)))
			source := s.create(pushed(k, from, "token", to))
			s.replicated(source, to)
			s.replicated(s.edit(source, func(o *object) { o.data["token"] = "two" }), to)
			s.replicated(s.edit(source, func(o *object) { o.immutable = true }), to)
			s.delete(source)
			source = s.create(pushed(k, from, "token", to))
			s.replicated(source, to)
			s.delete(s.get(k, to, source.name))
			s.replicated(source, to)
			s.unannotate(source, native+"push-to")
			s.gone(k, to, source.name)
		}
	},
	"carry over labels and annotations": func(s *scene) {
		from, to := s.namespace("from"), s.namespace("to")
		source := pushed(secret, from, "token", to)
		source.labels = map[string]string{"app": "x", "example.com/team": "web"}
		source.annotations[native+"copy-labels"], source.annotations[native+"copy-annotations"] = "*", "example.com/*"
		source.annotations["example.com/note"] = "text"
		source = s.create(source)
		s.replicated(source, to)
		source = s.edit(source, func(o *object) { o.labels = nil })
		s.eventuallyLacks(s.get(secret, to, source.name), "app")
	},
	"fill what pulls, in each dialect": func(s *scene) {
		for dialect, d := range pullDialects {
			part := s.sub(dialect)
			source := d.permitted(part)
			puller := part.create(d.puller(source, part.namespace("to"), "mine"))
			part.pulled(source, puller)
			part.pulled(part.rotate(source, "two"), puller)
		}
	},
	"adopt the copies of other controllers": func(s *scene) {
		for title, peer := range peers {
			part := s.sub(title)
			from, to := part.namespace("from"), part.namespace("to")
			part.annotateNamespace(to, native+"paused", "true")
			source := part.create(object{
				namespace: from, name: "token", data: map[string]string{"token": "one"}, annotations: peer.policy(to),
			})
			copied := part.create(peer.copy(source, to))
			part.editNamespace(to, func(n *corev1.Namespace) { n.Annotations = nil })
			part.neverAbsent(copied, part.replicated(source, to))
			part.replicated(part.rotate(source, "two"), to)
		}
	},
	"attach and detach": func(s *scene) {
		from, to := s.namespace("from"), s.namespace("to")
		s.account(to, "build", "theirs")
		source := s.create(credentials(from, "regcred", to, "build, default"))
		s.pullSecrets(to, "build", "theirs", "regcred")
		s.pullSecrets(to, "default", "regcred")
		other := s.create(credentials(from, "another", to, "build"))
		s.pullSecrets(to, "build", "theirs", "regcred", "another")
		s.unannotate(source, native+"push-to")
		s.pullSecrets(to, "build", "theirs", "another")
		s.unannotate(other, native+"push-to")
		s.pullSecrets(to, "build", "theirs")
		s.pullSecrets(to, "default")
	},
	"write back the policy of a source": func(s *scene) {
		for dialect, policy := range pushDialects {
			part := s.sub(dialect)
			from, to := part.namespace("from"), part.namespace("to")
			source := part.create(surviving(from, "regcred", policy(to)))
			part.replicated(source, to)
			part.system.CatchUp(part)
			part.replicated(part.recreate(source, "rotated"), to)
			part.unannotate(source, slices.Collect(maps.Keys(policy(to)))...)
			part.gone(secret, to, source.name)
		}
	},
	"tell of what is wrong": func(s *scene) {
		from, to := s.namespace("from"), s.namespace("to")
		s.create(object{namespace: to, name: "token"})
		s.expectEvent(s.create(pushed(secret, from, "token", to)), "Occupied")
	},
	"end a namespace": func(s *scene) {
		from, to := s.namespace("from"), s.namespace("to")
		s.replicated(s.create(pushed(secret, from, "token", to)), to)
		if err := s.system.Client.CoreV1().Namespaces().Delete(s.Context(), to, metav1.DeleteOptions{}); err != nil {
			s.Fatal(err)
		}
		s.gone(secret, to, "token")
	},
}

// attack is somebody who has the controller's token, and what stands in a cluster.
type attack struct {
	*scene
	client                    kubernetes.Interface
	namespace                 string
	stranger, filled, replica object
}

// attempt is a request, and the words of its refusal.
type attempt struct {
	try  func(a *attack) error
	want string
}

func newAttack(s *scene) *attack {
	s.Helper()
	config, err := s.system.ControllerConfig(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		s.Fatal(err)
	}
	a := &attack{scene: s, client: client, namespace: s.namespace("victim")}
	a.stranger = s.create(object{namespace: a.namespace, name: "theirs", data: map[string]string{"token": "theirs"}})
	a.filled = s.create(object{
		namespace: a.namespace, name: "asks", annotations: map[string]string{native + "pull-from": "a/b"},
	})
	s.account(a.namespace, "build", "theirs")
	if a.replica, err = a.create(claiming(object{namespace: a.namespace, name: "replica"}, "push", "a", "b")); err != nil {
		s.Fatal(err)
	}
	return a
}

// create makes an object with the controller's token.
func (a *attack) create(o object) (object, error) {
	return (&scene{TB: a.TB, system: &harness.System{Client: a.client}}).tryCreate(o)
}

// patch changes a Secret by a JSON merge patch.
func (a *attack) patch(o object, patch string) error {
	_, err := a.client.CoreV1().Secrets(o.namespace).
		Patch(a.Context(), o.name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

func (a *attack) patchAccount(namespace, name, patch string) error {
	_, err := a.client.CoreV1().ServiceAccounts(namespace).
		Patch(a.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// unharmed asserts that nothing of the victim's was written.
func (a *attack) unharmed() {
	a.Helper()
	for _, o := range []object{a.stranger, a.filled, a.replica} {
		if now := a.get(o.kind, o.namespace, o.name); now.uid != o.uid || now.version != o.version {
			a.Errorf("%s was written", o)
		}
	}
	a.pullSecrets(a.namespace, "build", "theirs")
}

// becomeAdministrator grants the controller's ServiceAccount everything, as RBAC that is too wide.
func (a *attack) becomeAdministrator() {
	a.Helper()
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "too-wide"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{
			{Kind: rbacv1.ServiceAccountKind, Namespace: harness.Namespace, Name: harness.ServiceAccount},
		},
	}
	_, err := a.system.Client.RbacV1().ClusterRoleBindings().Create(a.Context(), binding, metav1.CreateOptions{})
	if err != nil {
		a.Fatal(err)
	}
	a.eventually(func() error {
		_, err := a.client.CoreV1().Nodes().List(a.Context(), metav1.ListOptions{})
		return err
	})
}

// marked is the patch by which a replica's marks get onto an object, with more of it.
func marked(how, more string) string {
	return fmt.Sprintf(`{"metadata":{"labels":{"%[1]sreplica":"%[2]s","%[1]ssource-namespace":"a","%[1]ssource-name":"b",`+
		`"app.kubernetes.io/managed-by":"mirrorball"},"annotations":{"%[1]sreplica-of":"a/b"}}%[3]s}`, native, how, more)
}

const (
	onlyChanges   = "Mirrorball only changes its own replicas"
	onlyCreates   = "Mirrorball only creates replicas"
	onlyDeletes   = "Mirrorball only deletes replicas that it pushed"
	neverTokens   = "Mirrorball never writes a Secret that is a token"
	onlyWrites    = "Mirrorball writes only its own events and its Lease"
	onlyAccounts  = "Mirrorball only changes imagePullSecrets"
	onlyRemoves   = "Mirrorball only removes imagePullSecrets that it added"
	isProtected   = "is protected"
	notByRBAC     = "cannot create resource"
	changedSecret = `,"data":{"token":"b3VycwA="}`
)

var attacks = map[string]attempt{
	"overwrite a stranger's Secret": {
		func(a *attack) error { return a.patch(a.stranger, `{"data":{"token":"b3VycwA="}}`) }, onlyChanges,
	},
	"overwrite a stranger's Secret, with marks": {
		func(a *attack) error { return a.patch(a.stranger, marked("push", changedSecret)) }, onlyChanges,
	},
	"mark a stranger's Secret as a replica": {
		func(a *attack) error { return a.patch(a.stranger, marked("push", "")) }, onlyChanges,
	},
	"mark a stranger's Secret as filled": {
		func(a *attack) error { return a.patch(a.stranger, marked("pull", "")) }, onlyChanges,
	},
	"have a stranger's Secret ask to be filled": {
		func(a *attack) error {
			return a.patch(a.stranger, `{"metadata":{"annotations":{"`+native+`pull-from":"a/b","`+native+
				`survives-recreation":"true"}}}`)
		}, onlyChanges,
	},
	"have a stranger's Secret look like another controller's copy": {
		func(a *attack) error {
			return a.patch(a.stranger, `{"metadata":{"annotations":{"`+replicator+`replicated-from-version":"1","`+native+
				`survives-recreation":"true"}}}`)
		}, onlyChanges,
	},
	"write a policy and a content at once": {
		func(a *attack) error {
			return a.patch(a.stranger, `{"metadata":{"annotations":{"`+native+`push-to":"*","`+native+
				`survives-recreation":"true"}}`+changedSecret+`}`)
		}, onlyChanges,
	},
	"push a stranger's Secret": {
		func(a *attack) error {
			return a.patch(a.stranger, `{"metadata":{"annotations":{"`+native+`push-to":"*"}}}`)
		}, onlyChanges,
	},
	"delete a stranger's Secret": {
		func(a *attack) error {
			return a.client.CoreV1().Secrets(a.namespace).Delete(a.Context(), a.stranger.name, metav1.DeleteOptions{})
		}, onlyDeletes,
	},
	"delete an object that asks to be filled": {
		func(a *attack) error {
			return a.client.CoreV1().Secrets(a.namespace).Delete(a.Context(), a.filled.name, metav1.DeleteOptions{})
		}, onlyDeletes,
	},
	"make an object that asks to be filled a replica": {
		func(a *attack) error { return a.patch(a.filled, marked("push", "")) }, onlyChanges,
	},
	"change whom an object asks": {
		func(a *attack) error {
			return a.patch(a.filled, strings.Replace(marked("pull", ""), `"annotations":{`,
				`"annotations":{"`+native+`pull-from":"c/d",`, 1))
		}, "Mirrorball never changes the annotation by which an object asks",
	},
	"take the marks off a replica": {
		func(a *attack) error {
			return a.patch(a.replica, `{"metadata":{"labels":null,"annotations":null}}`)
		}, onlyChanges,
	},
	"give a replica an owner": {
		func(a *attack) error {
			return a.patch(a.replica, `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"x",`+
				`"uid":"x"}]}}`)
		}, "no owner references",
	},
	"make a ServiceAccount's token": {
		func(a *attack) error {
			o := claiming(object{namespace: a.namespace, name: "stolen"}, "push", "a", "b",
				corev1.ServiceAccountNameKey, "default")
			o.typ = corev1.SecretTypeServiceAccountToken
			_, err := a.create(o)
			return err
		}, neverTokens,
	},
	"make a bootstrap token": {
		func(a *attack) error {
			o := claiming(object{namespace: "kube-system", name: "bootstrap-token-abcdef"}, "push", "a", "b")
			o.typ = "bootstrap.kubernetes.io/token"
			_, err := a.create(o)
			return err
		}, neverTokens,
	},
	"make a Helm release": {
		func(a *attack) error {
			o := claiming(object{namespace: a.namespace, name: "sh.helm.release.v1.x.v1"}, "push", "a", "b")
			o.typ = "helm.sh/release.v1"
			_, err := a.create(o)
			return err
		}, neverTokens,
	},
	"create a Secret without marks": {
		func(a *attack) error {
			_, err := a.create(object{namespace: a.namespace, name: "unmarked"})
			return err
		}, onlyCreates,
	},
	"create a ConfigMap with another namespace in its marks": {
		func(a *attack) error {
			o := claiming(object{kind: configMap, namespace: a.namespace, name: "unmarked"}, "push", "a", "b")
			o.labels[native+"source-namespace"] = "c"
			_, err := a.create(o)
			return err
		}, onlyCreates,
	},
	"create a replica in a protected namespace": {
		func(a *attack) error {
			_, err := a.create(claiming(object{namespace: "kube-system", name: "replica"}, "push", "a", "b"))
			return err
		}, isProtected,
	},
	"create a replica in the controller's namespace": {
		func(a *attack) error {
			_, err := a.create(claiming(object{namespace: harness.Namespace, name: "replica"}, "push", "a", "b"))
			return err
		}, isProtected,
	},
	"change the rules": {
		func(a *attack) error {
			_, err := a.client.CoreV1().ConfigMaps(harness.Namespace).Patch(a.Context(), harness.RulesConfigMap,
				types.MergePatchType, []byte(`{"metadata":{"labels":{"`+native+`record":"policy"}},"data":{"rules.yaml":""}}`),
				metav1.PatchOptions{})
			return err
		}, isProtected,
	},
	"delete the rules": {
		func(a *attack) error {
			return a.client.CoreV1().ConfigMaps(harness.Namespace).
				Delete(a.Context(), harness.RulesConfigMap, metav1.DeleteOptions{})
		}, onlyDeletes,
	},
	"save a policy in another namespace": {
		func(a *attack) error {
			_, err := a.create(object{
				kind: configMap, namespace: a.namespace, name: "policy-x", labels: map[string]string{native + "record": "policy"},
			})
			return err
		}, onlyCreates,
	},
	"change a ServiceAccount's labels": {
		func(a *attack) error {
			return a.patchAccount(a.namespace, "build", `{"metadata":{"labels":{"x":"y"}}}`)
		}, onlyAccounts,
	},
	"change a ServiceAccount's annotations": {
		func(a *attack) error {
			return a.patchAccount(a.namespace, "build", `{"metadata":{"annotations":{"eks.amazonaws.com/role-arn":"x"}}}`)
		}, onlyAccounts,
	},
	"have a ServiceAccount's token mounted": {
		func(a *attack) error {
			return a.patchAccount(a.namespace, "build", `{"automountServiceAccountToken":true}`)
		}, onlyAccounts,
	},
	"name a Secret in a ServiceAccount": {
		func(a *attack) error {
			return a.patchAccount(a.namespace, "build", `{"secrets":[{"name":"theirs"}]}`)
		}, onlyAccounts,
	},
	"remove another's entry from a ServiceAccount": {
		func(a *attack) error {
			return a.patchAccount(a.namespace, "build", `{"imagePullSecrets":[]}`)
		}, onlyRemoves,
	},
	"claim another's entry of a ServiceAccount": {
		func(a *attack) error {
			return a.patchAccount(a.namespace, "build", `{"metadata":{"annotations":{"`+native+`attached":"theirs=a/b"}}}`)
		}, onlyRemoves,
	},
	"add an entry to a ServiceAccount and forget it": {
		func(a *attack) error {
			return a.patchAccount(a.namespace, "build", `{"imagePullSecrets":[{"name":"theirs"},{"name":"ours"}]}`)
		}, onlyRemoves,
	},
	"attach in a protected namespace": {
		func(a *attack) error {
			return a.patchAccount(harness.Namespace, harness.ServiceAccount,
				`{"metadata":{"annotations":{"`+native+`attached":"ours=a/b"}},"imagePullSecrets":[{"name":"ours"}]}`)
		}, isProtected,
	},
	"speak for another controller": {
		func(a *attack) error {
			event := &eventsv1.Event{
				ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: "x"}, EventTime: metav1.NowMicro(),
				ReportingController: "kubelet", ReportingInstance: "x", Action: "Pull", Reason: "Pulled",
				Type: corev1.EventTypeNormal, Regarding: corev1.ObjectReference{Namespace: a.namespace},
			}
			_, err := a.client.EventsV1().Events(a.namespace).Create(a.Context(), event, metav1.CreateOptions{})
			return err
		}, onlyWrites,
	},
	"create another Lease": {
		func(a *attack) error {
			lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "another"}}
			_, err := a.client.CoordinationV1().Leases(harness.Namespace).Create(a.Context(), lease, metav1.CreateOptions{})
			return err
		}, onlyWrites,
	},
	"create a Pod":  {createPod, notByRBAC},
	"grant a right": {createRole, notByRBAC},
}

// administratorAttacks are for a token whose rights RBAC does not limit.
var administratorAttacks = map[string]attempt{
	"create a Pod":  {createPod, onlyWrites},
	"grant a right": {createRole, onlyWrites},
	"request a ServiceAccount's token": {
		func(a *attack) error {
			_, err := a.client.CoreV1().ServiceAccounts(a.namespace).
				CreateToken(a.Context(), "build", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
			return err
		}, onlyWrites,
	},
	"annotate a Namespace": {
		func(a *attack) error {
			_, err := a.client.CoreV1().Namespaces().Patch(a.Context(), a.namespace, types.MergePatchType,
				[]byte(`{"metadata":{"annotations":{"`+native+`accept-attach-from":"*"}}}`), metav1.PatchOptions{})
			return err
		}, onlyWrites,
	},
	"create a ServiceAccount": {
		func(a *attack) error {
			account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "new"}}
			_, err := a.client.CoreV1().ServiceAccounts(a.namespace).Create(a.Context(), account, metav1.CreateOptions{})
			return err
		}, "neither creates nor deletes",
	},
	"delete a ServiceAccount": {
		func(a *attack) error {
			return a.client.CoreV1().ServiceAccounts(a.namespace).Delete(a.Context(), "build", metav1.DeleteOptions{})
		}, "neither creates nor deletes",
	},
	"delete all Secrets": {
		func(a *attack) error {
			return a.client.CoreV1().Secrets(a.namespace).
				DeleteCollection(a.Context(), metav1.DeleteOptions{}, metav1.ListOptions{FieldSelector: "metadata.name=theirs"})
		}, onlyDeletes,
	},
}

func createPod(a *attack) error {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "x"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "x", Image: "x"}}},
	}
	_, err := a.client.CoreV1().Pods(a.namespace).Create(a.Context(), pod, metav1.CreateOptions{})
	return err
}

func createRole(a *attack) error {
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "x"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "admin"},
	}
	_, err := a.client.RbacV1().RoleBindings(a.namespace).Create(a.Context(), binding, metav1.CreateOptions{})
	return err
}

// eventuallyLacks waits until an object does not have a label.
func (s *scene) eventuallyLacks(o object, label string) {
	s.Helper()
	s.eventually(func() error {
		now, err := s.find(o.kind, o.namespace, o.name)
		if err != nil {
			return err
		}
		if _, ok := now.labels[label]; ok {
			return fmt.Errorf("%s has the label %s", o, label)
		}
		return nil
	})
}
