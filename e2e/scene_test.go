package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mirrorball-dev/mirrorball/e2e/controlplane"
	"github.com/mirrorball-dev/mirrorball/e2e/harness"
)

// The prefixes of the annotations: Mirrorball's own, which its labels have too, and the two peers'.
const (
	native     = "mirrorball.dev/"
	reflector  = "reflector.v1.k8s.emberstack.com/"
	replicator = "replicator.v1.mittwald.de/"
)

// kind is that of the objects that are mirrored.
type kind string

const (
	secret    kind = "Secret"
	configMap kind = "ConfigMap"
)

func (k kind) resource() string { return strings.ToLower(string(k)) + "s" }

// object is a Secret or a ConfigMap, the same way for both, so that a test holds for either. The zero kind is a Secret.
type object struct {
	kind            kind
	namespace, name string
	typ             corev1.SecretType
	data            map[string]string
	binary          map[string][]byte
	labels          map[string]string
	annotations     map[string]string
	immutable       bool
	owners          []metav1.OwnerReference
	finalizers      []string
	uid             types.UID
	version         string
}

func (o object) String() string { return fmt.Sprintf("%s %s/%s", o.kind, o.namespace, o.name) }

func (o object) meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: o.namespace, Name: o.name, UID: o.uid, ResourceVersion: o.version,
		Labels: o.labels, Annotations: o.annotations, OwnerReferences: o.owners, Finalizers: o.finalizers,
	}
}

func (o object) immutability() *bool {
	if !o.immutable {
		return nil
	}
	return &o.immutable
}

func (o object) secret() *corev1.Secret {
	data := map[string][]byte{}
	for key, value := range o.data {
		data[key] = []byte(value)
	}
	return &corev1.Secret{ObjectMeta: o.meta(), Type: o.typ, Data: data, Immutable: o.immutability()}
}

func (o object) configMap() *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: o.meta(), Data: o.data, BinaryData: o.binary, Immutable: o.immutability()}
}

func fromMeta(k kind, m metav1.ObjectMeta, immutable *bool) object {
	return object{
		kind: k, namespace: m.Namespace, name: m.Name, labels: m.Labels, annotations: m.Annotations,
		owners: m.OwnerReferences, finalizers: m.Finalizers, uid: m.UID, version: m.ResourceVersion,
		immutable: immutable != nil && *immutable,
	}
}

func fromSecret(s *corev1.Secret) object {
	o := fromMeta(secret, s.ObjectMeta, s.Immutable)
	o.typ, o.data = s.Type, map[string]string{}
	for key, value := range s.Data {
		o.data[key] = string(value)
	}
	return o
}

func fromConfigMap(c *corev1.ConfigMap) object {
	o := fromMeta(configMap, c.ObjectMeta, c.Immutable)
	o.data, o.binary = c.Data, c.BinaryData
	return o
}

// scene is a test's part of a cluster: namespaces of its own, and what it does and expects there.
type scene struct {
	testing.TB
	system *harness.System
	prefix string
}

// newScene is on the shared cluster, beside all other quick tests.
func newScene(t *testing.T) *scene {
	t.Helper()
	quick(t)
	t.Parallel()
	return &scene{TB: t, system: system, prefix: harness.Prefix(t)}
}

// ownScene is on a cluster of its own, for tests that stop the controller or give it other flags: a slow test. The
// rules allow everything.
func ownScene(t *testing.T) *scene {
	t.Helper()
	s := installedScene(t)
	if err := s.system.WriteRules(t.Context(), harness.OpenRules); err != nil {
		t.Fatal(err)
	}
	return s
}

// installedScene is ownScene without rules, as deploy/ installs Mirrorball.
func installedScene(t *testing.T) *scene {
	t.Helper()
	s := sceneWith(t, components()...)
	t.Cleanup(func() {
		if err := checkCage(context.WithoutCancel(t.Context()), s.system); err != nil {
			t.Error(err)
		}
	})
	return s
}

// sceneWith is installedScene with components of deploy/kustomize.
func sceneWith(t *testing.T, components ...string) *scene {
	t.Helper()
	if !*slow {
		t.Skip("a slow test, with a control plane of its own: run it with -slow")
	}
	t.Parallel()
	own := harness.OwnSystem(t, harness.Options{
		Components: components, ControlPlane: controlplane.Options{Audit: true},
	})
	return &scene{TB: t, system: own, prefix: harness.Prefix(t)}
}

// quick skips a test where only the slow ones run.
func quick(t *testing.T) {
	t.Helper()
	if *slow {
		t.Skip("a quick test, on the shared control plane: run it without -slow")
	}
}

// part is a part of the test, with namespaces of its own on the same cluster.
func (s *scene) part(t *testing.T) *scene {
	t.Helper()
	return &scene{TB: t, system: s.system, prefix: harness.Prefix(t)}
}

// ns is the name of a namespace of this test, whether it exists or not.
func (s *scene) ns(suffix string) string { return s.prefix + "-" + suffix }

// token is a name for the object that a test is about. No other test has it: a change of a source is news to all
// sources whose replicas have the same name, and would tell them what they should have noticed by themselves.
func (s *scene) token() string { return s.prefix + "-token" }

// namespace makes one, with labels in pairs of key and value.
func (s *scene) namespace(suffix string, labels ...string) string {
	s.Helper()
	return s.system.CreateNamespace(s, s.ns(suffix), labels...).Name
}

// editNamespace changes a Namespace, whatever others do to it meanwhile.
func (s *scene) editNamespace(name string, change func(*corev1.Namespace)) {
	s.Helper()
	s.must(func() error {
		namespace, err := s.system.Client.CoreV1().Namespaces().Get(s.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		change(namespace)
		_, err = s.system.Client.CoreV1().Namespaces().Update(s.Context(), namespace, metav1.UpdateOptions{})
		return err
	})
}

// must repeats what conflicts with others' writes, and fails the test on any other error.
func (s *scene) must(act func() error) {
	s.Helper()
	for {
		err := act()
		if err == nil {
			return
		}
		if !apierrors.IsConflict(err) {
			s.Fatal(err)
		}
	}
}

// create makes an object and returns it as the API server has it.
func (s *scene) create(o object) object {
	s.Helper()
	created, err := s.tryCreate(o)
	if err != nil {
		s.Fatalf("create %s: %v", o, err)
	}
	return created
}

func (s *scene) tryCreate(o object) (object, error) {
	if o.kind == configMap {
		c, err := s.system.Client.CoreV1().ConfigMaps(o.namespace).Create(s.Context(), o.configMap(), metav1.CreateOptions{})
		return fromConfigMap(c), err
	}
	c, err := s.system.Client.CoreV1().Secrets(o.namespace).Create(s.Context(), o.secret(), metav1.CreateOptions{})
	return fromSecret(c), err
}

// find reads an object.
func (s *scene) find(k kind, namespace, name string) (object, error) {
	if k == configMap {
		c, err := s.system.Client.CoreV1().ConfigMaps(namespace).Get(s.Context(), name, metav1.GetOptions{})
		if err != nil {
			return object{}, err
		}
		return fromConfigMap(c), nil
	}
	c, err := s.system.Client.CoreV1().Secrets(namespace).Get(s.Context(), name, metav1.GetOptions{})
	if err != nil {
		return object{}, err
	}
	return fromSecret(c), nil
}

// get reads an object that has to be there.
func (s *scene) get(k kind, namespace, name string) object {
	s.Helper()
	o, err := s.find(k, namespace, name)
	if err != nil {
		s.Fatal(err)
	}
	return o
}

// edit changes an object, whatever others do to it meanwhile, and returns it as the API server has it then.
func (s *scene) edit(o object, change func(*object)) (edited object) {
	s.Helper()
	s.must(func() error {
		now, err := s.find(o.kind, o.namespace, o.name)
		if err != nil {
			return err
		}
		if now.annotations == nil {
			now.annotations = map[string]string{}
		}
		if now.labels == nil {
			now.labels = map[string]string{}
		}
		change(&now)
		edited, err = s.update(now)
		return err
	})
	return edited
}

func (s *scene) update(o object) (object, error) {
	if o.kind == configMap {
		c, err := s.system.Client.CoreV1().ConfigMaps(o.namespace).Update(s.Context(), o.configMap(), metav1.UpdateOptions{})
		return fromConfigMap(c), err
	}
	c, err := s.system.Client.CoreV1().Secrets(o.namespace).Update(s.Context(), o.secret(), metav1.UpdateOptions{})
	return fromSecret(c), err
}

// annotate sets an annotation of an object.
func (s *scene) annotate(o object, key, value string) object {
	s.Helper()
	return s.edit(o, func(o *object) { o.annotations[key] = value })
}

// unannotate takes annotations off an object.
func (s *scene) unannotate(o object, keys ...string) object {
	s.Helper()
	return s.edit(o, func(o *object) {
		for _, key := range keys {
			delete(o.annotations, key)
		}
	})
}

// delete deletes an object, which has to be there.
func (s *scene) delete(o object) {
	s.Helper()
	var err error
	if o.kind == configMap {
		err = s.system.Client.CoreV1().ConfigMaps(o.namespace).Delete(s.Context(), o.name, metav1.DeleteOptions{})
	} else {
		err = s.system.Client.CoreV1().Secrets(o.namespace).Delete(s.Context(), o.name, metav1.DeleteOptions{})
	}
	if err != nil {
		s.Fatalf("delete %s: %v", o, err)
	}
}

// release takes an object's finalizers away.
func (s *scene) release(o object) {
	s.Helper()
	s.edit(o, func(o *object) { o.finalizers = nil })
}

// eventually waits until check has no error, for as long as the controllers of the system have something to do.
func (s *scene) eventually(check func() error) {
	s.Helper()
	s.system.Eventually(s, check)
}

// replicated waits until the namespace has a pushed replica of the source, under the source's own name, with its
// content and with the labels and annotations that SPEC.md gives replicas; and returns it.
func (s *scene) replicated(source object, namespace string) object {
	s.Helper()
	return s.replicatedAs(source, namespace, source.name)
}

// replicatedAs is replicated under another name.
func (s *scene) replicatedAs(source object, namespace, name string) (replica object) {
	s.Helper()
	s.eventually(func() (err error) {
		if replica, err = s.find(source.kind, namespace, name); err != nil {
			return err
		}
		return errors.Join(isReplica(replica, source, "push"), sameContent(replica, source))
	})
	return replica
}

// pulled waits until an object that pulls has the source's data, and Mirrorball's marks; and returns it.
func (s *scene) pulled(source, puller object) (now object) {
	s.Helper()
	s.eventually(func() (err error) {
		if now, err = s.find(source.kind, puller.namespace, puller.name); err != nil {
			return err
		}
		if diff := cmp.Diff(source.data, now.data); diff != "" {
			return fmt.Errorf("%s has not the data of %s (-want +got):\n%s", now, source, diff)
		}
		return isReplica(now, source, "pull")
	})
	return now
}

// isReplica says what of a replica's marks is wrong; the source's name has to fit into a label.
func isReplica(replica, source object, how string) error {
	var errs []error
	for _, want := range []struct {
		where, key, value string
		in                map[string]string
	}{
		{"label", native + "replica", how, replica.labels},
		{"label", native + "source-namespace", source.namespace, replica.labels},
		{"label", native + "source-name", source.name, replica.labels},
		{"annotation", native + "replica-of", source.namespace + "/" + source.name, replica.annotations},
	} {
		if got := want.in[want.key]; got != want.value {
			errs = append(errs, fmt.Errorf("%s: %s %s is %q, not %q", replica, want.where, want.key, got, want.value))
		}
	}
	if replica.annotations[native+"replicated-at"] == "" {
		errs = append(errs, fmt.Errorf("%s has no %sreplicated-at", replica, native))
	}
	if managed := replica.labels["app.kubernetes.io/managed-by"]; how == "push" && managed != "mirrorball" {
		errs = append(errs, fmt.Errorf("%s is managed by %q", replica, managed))
	}
	return errors.Join(errs...)
}

// sameContent compares what a replica has of its source.
func sameContent(replica, source object) error {
	content := func(o object) object {
		return object{kind: o.kind, typ: o.typ, data: o.data, binary: o.binary, immutable: o.immutable}
	}
	if diff := cmp.Diff(content(source), content(replica), cmp.AllowUnexported(object{})); diff != "" {
		return fmt.Errorf("%s has not the content of %s (-want +got):\n%s", replica, source, diff)
	}
	return nil
}

// reaches waits until exactly these namespaces have a replica of the source, whatever its name, and asserts that it
// stays so when all has had its effect.
func (s *scene) reaches(source object, namespaces ...string) {
	s.Helper()
	s.eventually(func() error { return s.hasReached(source, namespaces...) })
	s.system.CatchUp(s)
	if err := s.hasReached(source, namespaces...); err != nil {
		s.Fatal(err)
	}
}

// hasReached compares the namespaces in which there are pushed replicas of the source.
func (s *scene) hasReached(source object, want ...string) error {
	resource := corev1.SchemeGroupVersion.WithResource(source.kind.resource())
	selector := fmt.Sprintf("%[1]sreplica=push,%[1]ssource-namespace=%[2]s,%[1]ssource-name=%[3]s",
		native, source.namespace, source.name)
	list, err := s.system.Dynamic.Resource(resource).List(s.Context(), metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return err
	}
	var got []string
	for _, item := range list.Items {
		got = append(got, item.GetNamespace())
	}
	byName := cmpopts.SortSlices(strings.Compare)
	if diff := cmp.Diff(want, got, byName, cmpopts.EquateEmpty()); diff != "" {
		return fmt.Errorf("the namespaces that have replicas of %s (-want +got):\n%s", source, diff)
	}
	return nil
}

// gone waits until an object is not there.
func (s *scene) gone(k kind, namespace, name string) {
	s.Helper()
	s.system.WaitGone(s, k.resource(), namespace, name)
}

// absent asserts that, after all that was done before has had its effect, the object is not there.
func (s *scene) absent(k kind, namespace, name string) {
	s.Helper()
	s.absentIn([]string{namespace}, k, name)
}

// absentIn is absent for an object of one name in several namespaces.
func (s *scene) absentIn(namespaces []string, k kind, name string) {
	s.Helper()
	s.system.CatchUp(s)
	for _, namespace := range namespaces {
		if o, err := s.find(k, namespace, name); err == nil {
			s.Fatalf("%s is there, and should not be", o)
		} else if !apierrors.IsNotFound(err) {
			s.Fatal(err)
		}
	}
}

// unmoved asserts that nothing in these namespaces is written on account of what act does (which may be nil).
func (s *scene) unmoved(act func(), namespaces ...string) {
	s.Helper()
	if act == nil {
		act = func() {}
	}
	s.system.Unmoved(s, namespaces, act)
}

// untouched asserts that, after all that was done before has had its effect, the object is as it was.
func (s *scene) untouched(o object) {
	s.Helper()
	s.system.CatchUp(s)
	now := s.get(o.kind, o.namespace, o.name)
	if now.uid != o.uid || now.version != o.version {
		s.Fatalf("%s was written: it was %s of version %s and is %s of version %s", o, o.uid, o.version, now.uid, now.version)
	}
}

// events are Mirrorball's events on an object that have this reason; an empty one stands for all.
func (s *scene) events(o object, reason string) ([]eventsv1.Event, error) {
	list, err := s.system.Client.EventsV1().Events(o.namespace).List(s.Context(), metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Items, func(e eventsv1.Event) bool {
		return e.ReportingController != "mirrorball.dev/mirrorball" || e.Regarding.Kind != string(o.kind) ||
			e.Regarding.Name != o.name || (reason != "" && e.Reason != reason)
	}), nil
}

// expectEvent waits until there is an event of this reason on the object whose note has all of these parts, and returns
// it.
func (s *scene) expectEvent(o object, reason string, parts ...string) (event eventsv1.Event) {
	s.Helper()
	s.eventually(func() error {
		events, err := s.events(o, reason)
		if err != nil {
			return err
		}
		var notes []string
		for _, event = range events {
			missing := slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(event.Note, part) })
			if !missing {
				return nil
			}
			notes = append(notes, event.Note)
		}
		return fmt.Errorf("no %s event on %s says %q; these are there: %q", reason, o, parts, notes)
	})
	return event
}

// expectNoWarning asserts that, of all that was done before, these objects have no Warning event.
func (s *scene) expectNoWarning(objects ...object) {
	s.Helper()
	s.system.CatchUp(s)
	for _, o := range objects {
		events, err := s.events(o, "")
		if err != nil {
			s.Fatal(err)
		}
		for _, event := range events {
			if event.Type == corev1.EventTypeWarning {
				s.Errorf("%s has the event %s: %s", o, event.Reason, event.Note)
			}
		}
	}
}

// writes are what the controller wrote in these namespaces since the mark, as "verb resource namespace/name", in order
// of name.
func (s *scene) writes(mark harness.Mark, namespaces ...string) []string {
	s.Helper()
	requests, err := s.system.WritesSince(s.Context(), mark)
	if err != nil {
		s.Fatal(err)
	}
	lines := map[string]int{}
	for _, r := range requests {
		if slices.Contains(namespaces, r.Namespace) {
			lines[fmt.Sprintf("%s %s %s/%s", r.Verb, r.Resource, r.Namespace, r.Name)]++
		}
	}
	var list []string
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		for range lines[line] {
			list = append(list, line)
		}
	}
	return list
}

// mark is the present moment, for writes.
func (s *scene) mark() harness.Mark {
	s.Helper()
	mark, err := s.system.MarkRequests(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return mark
}

// forEachKind runs a test for Secrets and for ConfigMaps.
func forEachKind(t *testing.T, test func(s *scene, k kind)) {
	t.Parallel()
	for _, k := range []kind{secret, configMap} {
		t.Run(string(k), func(t *testing.T) { test(newScene(t), k) })
	}
}
