package simulation

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/replicator/apiservertest"
)

// workload is everyone but Mirrorball: users and other controllers. Their requests meet no faults.
type workload struct {
	client corev1client.CoreV1Interface
	// before is the last state of what was deleted, from which it is created again.
	before map[place]*item
}

func newWorkload(server *apiservertest.Server) (*workload, error) {
	client, err := corev1client.NewForConfig(&rest.Config{
		Host: "http://sim", QPS: -1, Transport: server.RoundTripper("workload"),
		ContentConfig: rest.ContentConfig{ContentType: "application/vnd.kubernetes.protobuf"},
	})
	return &workload{client: client, before: map[place]*item{}}, err
}

func (t *workload) get(ctx context.Context, p place) (*item, error) {
	if p.kind == annotations.ConfigMap {
		o, err := t.client.ConfigMaps(p.Namespace).Get(ctx, p.Name, metav1.GetOptions{})
		return itemOf(o), err
	}
	o, err := t.client.Secrets(p.Namespace).Get(ctx, p.Name, metav1.GetOptions{})
	return itemOf(o), err
}

func (t *workload) create(ctx context.Context, i *item) (err error) {
	switch o := i.object().(type) {
	case *corev1.ConfigMap:
		_, err = t.client.ConfigMaps(i.Namespace).Create(ctx, o, metav1.CreateOptions{})
	case *corev1.Secret:
		_, err = t.client.Secrets(i.Namespace).Create(ctx, o, metav1.CreateOptions{})
	}
	return err
}

func (t *workload) update(ctx context.Context, i *item) (err error) {
	switch o := i.object().(type) {
	case *corev1.ConfigMap:
		_, err = t.client.ConfigMaps(i.Namespace).Update(ctx, o, metav1.UpdateOptions{})
	case *corev1.Secret:
		_, err = t.client.Secrets(i.Namespace).Update(ctx, o, metav1.UpdateOptions{})
	}
	return err
}

// edit changes the object at p.
func (t *workload) edit(ctx context.Context, p place, change func(*item)) error {
	i, err := t.get(ctx, p)
	if err != nil {
		return err
	}
	if i.Labels == nil {
		i.Labels = map[string]string{}
	}
	if i.Annotations == nil {
		i.Annotations = map[string]string{}
	}
	change(i)
	return t.update(ctx, i)
}

func (t *workload) remove(ctx context.Context, p place) error {
	i, err := t.get(ctx, p)
	if err != nil {
		return err
	}
	t.before[p] = i
	if p.kind == annotations.ConfigMap {
		return t.client.ConfigMaps(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{})
	}
	return t.client.Secrets(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{})
}

// put creates an item, and deletes first what stands in its place.
func (t *workload) put(ctx context.Context, i *item) error {
	if _, err := t.get(ctx, i.place()); err == nil {
		if err := t.remove(ctx, i.place()); err != nil {
			return err
		}
	}
	return t.create(ctx, i)
}

// restore creates again what was deleted, with new content.
func (t *workload) restore(ctx context.Context, p place, token string, change func(*item)) error {
	was := t.before[p]
	if was == nil {
		return fmt.Errorf("nothing was deleted at %s", p)
	}
	i := was.clone()
	i.ObjectMeta = metav1.ObjectMeta{
		Namespace: i.Namespace, Name: i.Name, Labels: i.Labels, Annotations: i.Annotations,
	}
	if i.Annotations == nil {
		i.Annotations = map[string]string{}
	}
	i.data = content(i.kindType, token)
	change(i)
	return t.create(ctx, i)
}

// content returns data whose every value is recognised wherever it turns up.
func content(kindType, token string) map[string]string {
	switch corev1.SecretType(kindType) {
	case corev1.SecretTypeDockerConfigJson:
		return map[string]string{corev1.DockerConfigJsonKey: fmt.Sprintf(`{"auths":{"%s-a.":{}}}`, token)}
	case corev1.SecretTypeDockercfg:
		return map[string]string{corev1.DockerConfigKey: fmt.Sprintf(`{"%s-a.":{}}`, token)}
	}
	return map[string]string{"a": token + "-a.", "b": token + "-b."}
}

func (t *workload) editNamespace(ctx context.Context, name string, change func(*corev1.Namespace)) error {
	ns, err := t.client.Namespaces().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if ns.Labels == nil {
		ns.Labels = map[string]string{}
	}
	if ns.Annotations == nil {
		ns.Annotations = map[string]string{}
	}
	change(ns)
	_, err = t.client.Namespaces().Update(ctx, ns, metav1.UpdateOptions{})
	return err
}

func (t *workload) createNamespace(ctx context.Context, name string, labels map[string]string) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	if _, err := t.client.Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return err
	}
	return t.createAccount(ctx, name, "default")
}

func (t *workload) createAccount(ctx context.Context, namespace, name string) error {
	_, err := t.client.ServiceAccounts(namespace).Create(ctx,
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	return err
}

func (t *workload) editAccount(ctx context.Context, n types.NamespacedName, change func(*corev1.ServiceAccount)) error {
	sa, err := t.client.ServiceAccounts(n.Namespace).Get(ctx, n.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if sa.Annotations == nil {
		sa.Annotations = map[string]string{}
	}
	change(sa)
	_, err = t.client.ServiceAccounts(n.Namespace).Update(ctx, sa, metav1.UpdateOptions{})
	return err
}
