package replicator

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mirrorball-dev/mirrorball/annotations"
	"github.com/mirrorball-dev/mirrorball/informers"
	"github.com/mirrorball-dev/mirrorball/replicator/plan"
)

const testType = "example.com/token"

var testTarget = types.NamespacedName{Namespace: "to", Name: "s"}

// executorTest is an API server with one namespace, and a deed for a source that is immutable and copies a label.
type executorTest struct {
	*testing.T
	*executor
	c      *Controller
	client *kubernetes.Clientset
}

func newExecutorTest(t *testing.T, change ...func(map[string]string)) *executorTest {
	t.Helper()
	c, client := newTestController(t)
	w := &executorTest{T: t, client: client}
	to := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "to"}}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), to, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	notes := map[string]string{annotations.CopyLabels: "team"}
	for _, f := range change {
		f(notes)
	}
	policy := desiredPolicy(t, notes)
	key := informers.Key{Kind: annotations.Secret, NamespacedName: types.NamespacedName{Namespace: "from", Name: "s"}}
	content := informers.Content{
		Type: testType, Immutable: true, Data: map[string][]byte{"k": []byte("new")}, Binary: map[string][]byte{},
		Labels: map[string]string{"team": "blue"},
	}
	e := &executor{
		writers: &c.executors.writers, key: key, content: content, now: time.Now(), stop: func(int) bool { return false },
		source: &plan.Source{
			Identity: informers.Identity{NamespacedName: key.NamespacedName, Version: 7}, Type: testType, Policy: policy,
		},
	}
	var err error
	if e.desired, err = desiredOf(key, policy, content); err != nil {
		t.Fatal(err)
	}
	w.c, w.executor = c, e
	return w
}

// stands puts a Secret where the target is, and returns what the plan would have of it.
func (w *executorTest) stands(change func(*corev1.Secret)) informers.Occupant {
	w.Helper()
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: testTarget.Namespace, Name: testTarget.Name},
		Type:       testType, Data: map[string][]byte{"k": []byte("old"), "gone": []byte("old")},
	}
	change(s)
	made, err := w.client.CoreV1().Secrets("to").Create(w.Context(), s, metav1.CreateOptions{})
	if err != nil {
		w.Fatal(err)
	}
	id, err := informers.IdentityOf(made)
	if err != nil {
		w.Fatal(err)
	}
	claims := annotations.Parse("to", "s", made.Annotations)
	if made.Labels[annotations.LabelReplica] == "" {
		return informers.Occupant{Candidate: &informers.Candidate{
			Identity: id, Claims: &claims, Unlabelled: len(made.Labels) == 0,
		}}
	}
	r, err := w.digestKey.Replica(made, informers.ContentOfSecret(made))
	if err != nil {
		w.Fatal(err)
	}
	w.cluster.Observe(annotations.Secret, r)
	return informers.Occupant{Replica: r}
}

func (w *executorTest) secret() *corev1.Secret {
	w.Helper()
	s, err := w.client.CoreV1().Secrets("to").Get(w.Context(), "s", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		w.Fatal(err)
	}
	return s
}

func (w *executorTest) account(change func(*corev1.ServiceAccount)) *informers.ServiceAccount {
	w.Helper()
	sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "to", Name: "builder"}}
	change(sa)
	made, err := w.client.CoreV1().ServiceAccounts("to").Create(w.Context(), sa, metav1.CreateOptions{})
	if err != nil {
		w.Fatal(err)
	}
	id, err := informers.IdentityOf(made)
	if err != nil {
		w.Fatal(err)
	}
	lean := &informers.ServiceAccount{Identity: id, Bare: len(made.Annotations) == 0}
	for _, ref := range made.ImagePullSecrets {
		lean.PullSecrets = append(lean.PullSecrets, ref.Name)
	}
	if made.Annotations != nil {
		lean.Attached = map[string]types.NamespacedName{"s": w.key.NamespacedName}
	}
	return lean
}

func asReplica(s *corev1.Secret) {
	s.Labels = map[string]string{
		annotations.LabelReplica: annotations.ReplicaPush, annotations.LabelManagedBy: annotations.ManagedBy,
		annotations.LabelSourceNamespace: "from", annotations.LabelSourceName: "s", "old": "copied", "own": "stays",
	}
	s.Annotations = map[string]string{
		annotations.ReplicaOf: "from/s", annotations.CopiedLabels: "old", annotations.CopiedAnnotations: "note",
		"note": "copied", "theirs": "stays",
	}
}

// actions are one of each verb, and what has to stand there afterwards; nil is nothing.
func actions(w *executorTest) map[string]func() (plan.Action, *corev1.Secret) {
	frozen := true
	labels := map[string]string{
		annotations.LabelReplica: annotations.ReplicaPush, annotations.LabelManagedBy: annotations.ManagedBy,
		annotations.LabelSourceNamespace: "from", annotations.LabelSourceName: "s", "team": "blue",
	}
	pushed := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "to", Name: "s", Labels: labels,
			Annotations: map[string]string{annotations.ReplicaOf: "from/s", annotations.CopiedLabels: "team"},
		},
		Type: testType, Immutable: &frozen, Data: map[string][]byte{"k": []byte("new")},
	}
	mirror := map[string]string{
		"reflector.v1.k8s.emberstack.com/reflects": "from/s", "reflector.v1.k8s.emberstack.com/auto-reflects": "True",
	}
	return map[string]func() (plan.Action, *corev1.Secret){
		"delete": func() (plan.Action, *corev1.Secret) {
			return plan.Action{Verb: plan.Delete, Target: testTarget, Occupant: w.stands(asReplica)}, nil
		},
		"create": func() (plan.Action, *corev1.Secret) {
			return plan.Action{Verb: plan.Create, Target: testTarget}, pushed
		},
		"recreate": func() (plan.Action, *corev1.Secret) {
			return plan.Action{Verb: plan.Recreate, Target: testTarget, Occupant: w.stands(func(s *corev1.Secret) {
				asReplica(s)
				s.Type = "example.com/other"
			})}, pushed
		},
		"update": func() (plan.Action, *corev1.Secret) {
			want := pushed.DeepCopy()
			want.Labels["own"], want.Annotations["theirs"] = "stays", "stays"
			return plan.Action{Verb: plan.Update, Target: testTarget, Occupant: w.stands(asReplica)}, want
		},
		"update of what turns out to be immutable": func() (plan.Action, *corev1.Secret) {
			return plan.Action{Verb: plan.Update, Target: testTarget, Occupant: w.stands(func(s *corev1.Secret) {
				asReplica(s)
				s.Immutable = &frozen
			})}, pushed
		},
		"adopt": func() (plan.Action, *corev1.Secret) {
			want := pushed.DeepCopy()
			maps.Copy(want.Annotations, mirror)
			return plan.Action{Verb: plan.Adopt, Target: testTarget, Occupant: w.stands(func(s *corev1.Secret) {
				s.Annotations = mirror
			})}, want
		},
		"fill": func() (plan.Action, *corev1.Secret) {
			at := w.stands(func(s *corev1.Secret) {
				s.Labels = map[string]string{"own": "stays"}
				s.Annotations = map[string]string{annotations.PullFrom: "from/s"}
			})
			return plan.Action{Verb: plan.Fill, Target: testTarget, Occupant: at, Pull: at.Pull()}, &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: "to", Name: "s",
					Labels: map[string]string{
						annotations.LabelReplica: annotations.ReplicaPull, annotations.LabelSourceNamespace: "from",
						annotations.LabelSourceName: "s", "own": "stays",
					},
					Annotations: map[string]string{annotations.ReplicaOf: "from/s", annotations.PullFrom: "from/s"},
				},
				Type: testType, Data: map[string][]byte{"k": []byte("new")},
			}
		},
	}
}

func TestActions(t *testing.T) {
	for name := range actions(nil) {
		t.Run(name, func(t *testing.T) {
			w := newExecutorTest(t)
			a, want := actions(w)[name]()
			if err := w.execute(t.Context(), &a); err != nil {
				t.Fatal(err)
			}
			got := w.secret()
			if got != nil {
				if _, err := time.Parse(time.RFC3339, got.Annotations[annotations.ReplicatedAt]); err != nil {
					t.Errorf("it does not say when it was replicated: %v", err)
				}
				delete(got.Annotations, annotations.ReplicatedAt)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(metav1.ObjectMeta{},
				"UID", "ResourceVersion", "CreationTimestamp", "Generation", "ManagedFields")); diff != "" {
				t.Errorf("there stands (-want +got):\n%s", diff)
			}
			if a.Pull != nil {
				return // the watch brings it
			}
			seen := w.cluster.Get(informers.Key{Kind: annotations.Secret, NamespacedName: testTarget}).Replica
			switch {
			case want == nil && seen != nil, want != nil && seen == nil:
				t.Errorf("the caches show %v", seen)
			case want != nil && (seen.Version.String() != got.ResourceVersion || !seen.Immutable || seen.Bare):
				t.Errorf("the caches show %+v", seen)
			case want != nil && (name == "create" || name == "recreate") && seen.Digest != w.digestKey.Digest(w.push):
				t.Error("the caches show another content than was written")
			}
		})
	}
}

// refusing answers the n-th write, and those after it, with a status.
type refusing struct {
	http.RoundTripper
	code   int
	writes int
	from   int
}

func (r *refusing) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method != http.MethodGet && !strings.Contains(request.URL.RawQuery, "dryRun") {
		if r.writes++; r.writes >= r.from {
			status := http.StatusText(r.code)
			return &http.Response{
				StatusCode: r.code, Status: status, Header: http.Header{}, Request: request, Body: http.NoBody,
			}, nil
		}
	}
	return r.RoundTripper.RoundTrip(request)
}

func TestActionsReportFailures(t *testing.T) {
	for name := range actions(nil) {
		for from := 1; from <= 2; from++ {
			t.Run(name, func(t *testing.T) {
				w := newExecutorTest(t)
				a, _ := actions(w)[name]()
				refuse := &refusing{code: http.StatusInternalServerError, from: from}
				w.api = wrapAPI(t, w.c, refuse)
				err := w.execute(t.Context(), &a)
				if refuse.writes < from {
					t.Skip("it has no such write")
				}
				if got := classify(t.Context(), err); got != overloaded {
					t.Errorf("write %d was answered with 500; the action says %v, which is %s", from, err, got)
				}
			})
		}
	}
}

func TestActionPreconditions(t *testing.T) {
	for name := range actions(nil) {
		t.Run(name, func(t *testing.T) {
			w := newExecutorTest(t)
			a, _ := actions(w)[name]()
			if a.Verb == plan.Create {
				w.stands(func(*corev1.Secret) {})
			} else {
				s := w.secret()
				s.Data["changed"] = []byte("meanwhile")
				if s.Immutable != nil {
					s.Labels["changed"] = "meanwhile"
					delete(s.Data, "changed")
				}
				if _, err := w.client.CoreV1().Secrets("to").Update(t.Context(), s, metav1.UpdateOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			before := w.secret()
			if err := w.execute(t.Context(), &a); classify(t.Context(), err) != stale {
				t.Errorf("%v", err)
			}
			if diff := cmp.Diff(before, w.secret()); diff != "" {
				t.Errorf("it was written all the same:\n%s", diff)
			}
		})
	}
}

func TestIncompatibleObjects(t *testing.T) {
	frozen := true
	for _, test := range []struct {
		name, want string
		change     func(*corev1.Secret)
	}{
		{"another type", "its type is not that of the source, " + testType,
			func(s *corev1.Secret) { s.Type = "example.com/other" }},
		{"immutable", "it is immutable", func(s *corev1.Secret) { s.Immutable = &frozen }},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newExecutorTest(t)
			at := w.stands(func(s *corev1.Secret) {
				s.Annotations = map[string]string{annotations.PullFrom: "from/s"}
				test.change(s)
			})
			err := w.execute(t.Context(), &plan.Action{Verb: plan.Fill, Target: testTarget, Occupant: at, Pull: at.Pull()})
			if !isIncompatible(err) || err.Error() != test.want {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

func TestAttachKeepsOtherEntries(t *testing.T) {
	w := newExecutorTest(t)
	sa := w.account(func(sa *corev1.ServiceAccount) {
		sa.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "theirs"}}
	})
	attach := plan.Action{Verb: plan.Attach, Target: sa.NamespacedName, Account: sa, Secret: "s"}
	if err := w.execute(t.Context(), &attach); err != nil {
		t.Fatal(err)
	}
	if len(sa.PullSecrets) != 1 || len(sa.Attached) != 0 {
		t.Errorf("what the caches had was changed: %+v", sa)
	}
	check := func(what, pulls, memory string) *corev1.ServiceAccount {
		t.Helper()
		got, err := w.client.CoreV1().ServiceAccounts("to").Get(t.Context(), "builder", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, ref := range got.ImagePullSecrets {
			names = append(names, ref.Name)
		}
		if strings.Join(names, ",") != pulls || got.Annotations[annotations.Attached] != memory {
			t.Errorf("%s: it names %v and remembers %q", what, names, got.Annotations[annotations.Attached])
		}
		return got
	}
	check("attached", "theirs,s", "s=from/s")
	attached := func() []informers.PlacedAccount {
		return w.cluster.Snapshot(informers.Query{Key: w.key, Scope: informers.FullScope()}).Attached
	}
	seen := attached()
	if len(seen) != 1 || len(seen[0].PullSecrets) != 2 || seen[0].Bare {
		t.Fatalf("the caches show %+v", seen)
	}
	detach := plan.Action{Verb: plan.Detach, Target: sa.NamespacedName, Account: seen[0].ServiceAccount, Secret: "s"}
	if err := w.execute(t.Context(), &detach); err != nil {
		t.Fatal(err)
	}
	check("detached", "theirs", "")
	if seen := attached(); len(seen) != 0 {
		t.Errorf("the caches show %+v", seen)
	}
}

func testPass(c *Controller) *pass {
	s := c.states.get(testSource)
	s.loaded = &loaded{
		uid:     "u",
		version: 7,
		source:  &plan.Source{Push: informers.Digest{1}},
		policy:  &annotations.Policy{},
	}
	return &pass{key: testSource, state: s, resolution: plan.Resolution{Phase: plan.PhaseActive}, confirmed: true}
}

func TestRecordResult(t *testing.T) {
	gr := corev1.Resource("secrets")
	now, backoff := result{requeue: requeueNow}, result{requeue: requeueWithBackoff}
	for _, test := range []struct {
		name      string
		verb      plan.Verb
		err       error
		want      result
		wrote     int
		remaining bool
	}{
		{"succeeded", plan.Create, nil, done, 1, false},
		{"not tried", plan.Create, errNotTried, now, 0, true},
		{"not tried on account of overload", plan.Create, errOverloaded, done, 0, true},
		{"conflict", plan.Update, apierrors.NewConflict(gr, "s", errors.New("x")), backoff, 0, true},
		{"incompatible", plan.Adopt, &incompatibleError{"it is not"}, now, 0, true},
		{"too many requests", plan.Create, apierrors.NewTooManyRequests("x", 3), requeueAfter(3 * time.Second), 0, true},
		{"too many requests, at once", plan.Create, apierrors.NewTooManyRequests("x", 0), backoff, 0, true},
		{"no answer", plan.Create, errors.New("EOF"), backoff, 0, true},
		{"the namespace terminates", plan.Create, apierrors.NewNotFound(corev1.Resource("namespaces"), "to"), done, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, _ := newTestController(t)
			p, target := testPass(c), backoffKey{Key: informers.Key{Kind: annotations.Secret, NamespacedName: testTarget}}
			p.state.backoffs.failed(target, "before", time.Now())
			o := outcome{wrote: map[plan.Verb]int{}}
			a := plan.Action{
				Verb: test.verb, Target: testTarget, Occupant: informers.Occupant{Candidate: &informers.Candidate{}},
			}
			c.executors.recordResult(t.Context(), p, &a, test.err, &o)
			if o.result != test.want {
				t.Errorf("requeue: %+v, want %+v", o.result, test.want)
			}
			if o.wrote[test.verb] != test.wrote || (p.state.backoffs[target] != nil) != (test.wrote == 0) {
				t.Errorf("wrote %v, backoffs %v", o.wrote, p.state.backoffs)
			}
			if o.remaining.Objects.Has(testTarget) != test.remaining {
				t.Errorf("remaining: %+v, want the target: %t", o.remaining, test.remaining)
			}
			if (p.state.incompatible[testTarget].Reason != "") != (test.name == "incompatible") {
				t.Errorf("incompatible: %v", p.state.incompatible)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		c, _ := newTestController(t)
		p := testPass(c)
		invalid := &apierrors.StatusError{ErrStatus: metav1.Status{Code: 422, Reason: metav1.StatusReasonInvalid}}
		var o outcome
		c.executors.recordResult(t.Context(), p, &plan.Action{Verb: plan.Create, Target: testTarget}, invalid, &o)
		w := p.state.backoffs[backoffKey{Key: informers.Key{Kind: annotations.Secret, NamespacedName: testTarget}}]
		if w == nil || w.reason == "" || !o.remaining.Empty() {
			t.Errorf("backoff %+v, remaining %+v", w, o.remaining)
		}
	})
}

func TestWritesUndone(t *testing.T) {
	for _, verb := range []plan.Verb{
		plan.Create, plan.Update, plan.Recreate, plan.Adopt, plan.Fill, plan.Attach, plan.Detach, plan.Delete,
	} {
		t.Run(string(verb), func(t *testing.T) {
			c, _ := newTestController(t)
			p, a := testPass(c), plan.Action{Verb: verb, Target: testTarget}
			p.resolution.Phase = plan.PhaseActive
			object := a.Object(annotations.Secret)
			key, now := backoffKeyOf(object, &a), time.Now()
			if p.written(&a, object); p.state.backoffs[key] != nil {
				t.Error("a write that is part of the first fan-out, or of a rotation, was counted")
			}
			p.state.syncedDigest = p.state.loaded.source.Push
			for range toleratedWrites {
				if p.written(&a, object); p.state.backoffs.remaining(key, now) > 0 {
					t.Fatal("the first ones have to wait")
				}
			}
			if p.written(&a, object); p.state.backoffs.remaining(key, now) == 0 {
				t.Error("it does not have to wait")
			}
			key.removal = !key.removal
			if p.state.backoffs.remaining(key, now) > 0 {
				t.Error("what is of the other sort, a removal or not, has to wait")
			}
		})
	}
	t.Run("a replica that was made just now may be removed at once", func(t *testing.T) {
		c, _ := newTestController(t)
		p, object := testPass(c), informers.Key{Kind: annotations.Secret, NamespacedName: testTarget}
		removal := backoffKey{object, true}
		p.resolution.Phase = plan.PhaseActive
		p.state.backoffs.failed(removal, "", time.Now())
		if p.written(&plan.Action{Verb: plan.Create, Target: testTarget}, object); p.state.backoffs[removal] != nil {
			t.Error("it has to wait")
		}
	})
}

func TestExecute(t *testing.T) {
	w := newExecutorTest(t)
	p := testPass(w.c)
	p.state.loaded.policy, p.state.loaded.source, p.world.Source = w.source.Policy, w.source, *w.source
	w.c.executors.contents.put(p.key, "u", 7, w.content)
	target := backoffKey{Key: informers.Key{Kind: annotations.Secret, NamespacedName: testTarget}}
	create := plan.Action{Verb: plan.Create, Target: testTarget}
	other := plan.Action{Verb: plan.Create, Target: types.NamespacedName{Namespace: "missing", Name: "s"}}
	execute := func(actions ...plan.Action) outcome {
		p.decision.Actions = actions
		return w.c.executors.execute(t.Context(), p)
	}

	p.state.backoffs.failed(target, "refused", time.Now())
	if o := execute(create); o.result != done || o.total() != 0 || !o.remaining.Empty() || w.secret() != nil {
		t.Errorf("a target in backoff: %+v", o)
	}
	delete(p.state.backoffs, target)
	if o := execute(other, create); o.result != done || o.wrote[plan.Create] != 1 || w.secret() == nil {
		t.Errorf("one of two: %+v", o)
	}
	many := make([]plan.Action, maxWrites+1)
	for i := range many {
		many[i] = plan.Action{Verb: plan.Detach, Account: &informers.ServiceAccount{}}
	}
	w.c.pending.add(p.key, informers.Change{Scope: informers.FullScope(), Urgent: true, Outdating: true})
	if o := execute(many...); o.requeue != requeueNow || o.total() != 0 || o.remaining.Empty() {
		t.Errorf("the source has changed: %+v", o)
	}
	w.c.pending.take(p.key)
	w.c.executors.contents = newContents()
	if o := execute(create); o.requeue != requeueWithBackoff || !o.remaining.Objects.Has(testTarget) {
		t.Errorf("the source can't be read: %+v", o)
	}
}

func TestEndsBefore(t *testing.T) {
	c, _ := newTestController(t)
	urgent := informers.Change{Scope: informers.NamespaceScope("to"), Urgent: true}
	other := testSource
	other.Name = "other"
	check := func(what string, early, late bool) {
		t.Helper()
		if got := c.executors.endsBefore(testSource, minWrites-1); got != early {
			t.Errorf("%s: it ends before %d writes: %t", what, minWrites, got)
		}
		if got := c.executors.endsBefore(testSource, minWrites); got != late {
			t.Errorf("%s: it ends after %d writes: %t", what, minWrites, got)
		}
	}
	check("nothing has changed", false, false)
	c.pending.add(testSource, informers.Change{Scope: informers.NamespaceScope("to")})
	check("an object has changed", false, false)
	c.pending.add(testSource, urgent)
	check("a namespace is new", false, true)
	c.pending.add(testSource, informers.Change{Scope: informers.FullScope(), Urgent: true, Outdating: true})
	check("the source has changed", true, true)
	c.pending.take(testSource)
	c.notify(other, urgent)
	check("something urgent waits for another source", false, true)
}

// TestRepairIsUrgent unless it may be the event of a write of ours.
func TestRepairIsUrgent(t *testing.T) {
	c, _ := newTestController(t)
	repair := informers.Change{Scope: informers.ObjectScope(testTarget), Repair: true}
	c.notify(testSource, repair)
	if !c.queue.UrgentWaiting() {
		t.Error("a repair is not urgent")
	}
	c.queue.Get()
	c.pending.take(testSource)
	c.notify(testSource, repair)
	c.queue.Done(testSource)
	if c.queue.UrgentWaiting() {
		t.Error("a change of a replica while its source is worked on is urgent")
	}
}

// TestExtraPass: an extra worker makes a few writes, and leaves the rest for another pass.
func TestExtraPass(t *testing.T) {
	many := make([]plan.Action, minWrites+1)
	for i := range many {
		many[i] = plan.Action{Verb: plan.Create, Target: types.NamespacedName{Namespace: fmt.Sprint(i), Name: "s"}}
	}
	p := &pass{key: testSource, state: newState(), decision: plan.Plan{Actions: many}, extra: true}
	var o outcome
	if ready := p.ready(&o); len(ready) != minWrites || o.requeue != requeueNow || o.remaining.Empty() {
		t.Errorf("%d writes are made, requeued: %v; want %d, %v", len(ready), o.requeue, minWrites, requeueNow)
	}
}

func TestOverloadEndsAPass(t *testing.T) {
	w := newExecutorTest(t)
	refuse := &refusing{code: http.StatusServiceUnavailable, from: 1}
	w.api = wrapAPI(t, w.c, refuse)
	many := make([]plan.Action, 20)
	for i := range many {
		many[i] = plan.Action{Verb: plan.Create, Target: testTarget}
	}
	errs := w.executeAll(t.Context(), many)
	if refuse.writes != 1 || !isOverload(errs[0]) {
		t.Errorf("%d requests were made, the first came to %v", refuse.writes, errs[0])
	}
	for i, err := range errs[1:] {
		if !errors.Is(err, errOverloaded) {
			t.Errorf("action %d: %v", i+1, err)
		}
	}
}

// wrapAPI returns a client with a fault between the controller's requests and the server.
func wrapAPI(t *testing.T, c *Controller, refuse *refusing) *api {
	t.Helper()
	config := rest.CopyConfig(c.options.Config)
	refuse.RoundTripper = config.Transport
	config.Transport = refuse
	wrapped, err := newAPI(config)
	if err != nil {
		t.Fatal(err)
	}
	return wrapped
}
