package replicator

import (
	"errors"
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

// deedWorld is an API server with one namespace, and a deed for a source that is immutable and copies a label.
type deedWorld struct {
	*testing.T
	*deed
	client *kubernetes.Clientset
}

func newDeedWorld(t *testing.T, change ...func(map[string]string)) *deedWorld {
	t.Helper()
	c, client := newTestController(t)
	w := &deedWorld{T: t, client: client}
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
	d := &deed{
		c: c, key: key, content: content, at: time.Now(),
		source: &plan.Source{Identity: informers.Identity{NamespacedName: key.NamespacedName, Version: 7}, Type: testType, Policy: policy},
	}
	var errs [3]error
	d.push, errs[0] = pushed(key, policy, content)
	d.pull, errs[1] = pulled(key, policy, content, false)
	d.pullKeys, errs[2] = pulled(key, policy, content, true)
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	w.deed = d
	return w
}

// stands puts a Secret where the target is, and returns what the plan would have of it.
func (w *deedWorld) stands(change func(*corev1.Secret)) informers.Standing {
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
		return informers.Standing{Candidate: &informers.Candidate{
			Identity: id, Claims: &claims, Unlabelled: len(made.Labels) == 0,
		}}
	}
	r, err := w.c.digestKey.Replica(made, informers.ContentOfSecret(made))
	if err != nil {
		w.Fatal(err)
	}
	w.c.cluster.Observe(annotations.Secret, r)
	return informers.Standing{Replica: r}
}

func (w *deedWorld) secret() *corev1.Secret {
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

func (w *deedWorld) account(change func(*corev1.ServiceAccount)) *informers.ServiceAccount {
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
func actions(w *deedWorld) map[string]func() (plan.Action, *corev1.Secret) {
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
			return plan.Action{Verb: plan.Delete, Target: testTarget, At: w.stands(asReplica)}, nil
		},
		"create": func() (plan.Action, *corev1.Secret) {
			return plan.Action{Verb: plan.Create, Target: testTarget}, pushed
		},
		"recreate": func() (plan.Action, *corev1.Secret) {
			return plan.Action{Verb: plan.Recreate, Target: testTarget, At: w.stands(func(s *corev1.Secret) {
				asReplica(s)
				s.Type = "example.com/other"
			})}, pushed
		},
		"update": func() (plan.Action, *corev1.Secret) {
			want := pushed.DeepCopy()
			want.Labels["own"], want.Annotations["theirs"] = "stays", "stays"
			return plan.Action{Verb: plan.Update, Target: testTarget, At: w.stands(asReplica)}, want
		},
		"update of what turns out to be immutable": func() (plan.Action, *corev1.Secret) {
			return plan.Action{Verb: plan.Update, Target: testTarget, At: w.stands(func(s *corev1.Secret) {
				asReplica(s)
				s.Immutable = &frozen
			})}, pushed
		},
		"adopt": func() (plan.Action, *corev1.Secret) {
			want := pushed.DeepCopy()
			maps.Copy(want.Annotations, mirror)
			return plan.Action{Verb: plan.Adopt, Target: testTarget, At: w.stands(func(s *corev1.Secret) {
				s.Annotations = mirror
			})}, want
		},
		"fill": func() (plan.Action, *corev1.Secret) {
			at := w.stands(func(s *corev1.Secret) {
				s.Labels = map[string]string{"own": "stays"}
				s.Annotations = map[string]string{annotations.PullFrom: "from/s"}
			})
			return plan.Action{Verb: plan.Fill, Target: testTarget, At: at, Pull: at.Pull()}, &corev1.Secret{
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

func TestEachActionLeavesWhatThePlanWants(t *testing.T) {
	for name := range actions(nil) {
		t.Run(name, func(t *testing.T) {
			w := newDeedWorld(t)
			a, want := actions(w)[name]()
			if err := w.do(t.Context(), a); err != nil {
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
			seen := w.c.cluster.At(informers.Key{Kind: annotations.Secret, NamespacedName: testTarget}).Replica
			switch {
			case want == nil && seen != nil, want != nil && seen == nil:
				t.Errorf("the caches show %v", seen)
			case want != nil && (seen.Version.String() != got.ResourceVersion || !seen.Immutable || seen.Bare):
				t.Errorf("the caches show %+v", seen)
			case want != nil && (name == "create" || name == "recreate") && seen.Digest != w.c.digestKey.Digest(w.push):
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

func TestEachActionTellsOfItsFailure(t *testing.T) {
	for name := range actions(nil) {
		for from := 1; from <= 2; from++ {
			t.Run(name, func(t *testing.T) {
				w := newDeedWorld(t)
				a, _ := actions(w)[name]()
				refuse := &refusing{code: http.StatusInternalServerError, from: from}
				wrapAPI(t, w.c, refuse)
				err := w.do(t.Context(), a)
				if refuse.writes < from {
					t.Skip("it has no such write")
				}
				if got := classify(t.Context(), err); got != busy {
					t.Errorf("write %d was answered with 500; the action says %v, which is %d", from, err, got)
				}
			})
		}
	}
}

func TestEachActionHoldsForTheVersionItWasDecidedOn(t *testing.T) {
	for name := range actions(nil) {
		t.Run(name, func(t *testing.T) {
			w := newDeedWorld(t)
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
			if err := w.do(t.Context(), a); classify(t.Context(), err) != behind {
				t.Errorf("%v", err)
			}
			if diff := cmp.Diff(before, w.secret()); diff != "" {
				t.Errorf("it was written all the same:\n%s", diff)
			}
		})
	}
}

func TestWhatCannotFollowIsLeftAsItIs(t *testing.T) {
	frozen := true
	for _, test := range []struct {
		name, want string
		change     func(*corev1.Secret)
	}{
		{"another type", "its type is not the source's, " + testType,
			func(s *corev1.Secret) { s.Type = "example.com/other" }},
		{"immutable", "it is immutable and cannot follow", func(s *corev1.Secret) { s.Immutable = &frozen }},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newDeedWorld(t)
			at := w.stands(func(s *corev1.Secret) {
				s.Annotations = map[string]string{annotations.PullFrom: "from/s"}
				test.change(s)
			})
			err := w.do(t.Context(), plan.Action{Verb: plan.Fill, Target: testTarget, At: at, Pull: at.Pull()})
			if !isUnfit(err) || err.Error() != test.want {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

func TestAttachingKeepsWhatOthersNamed(t *testing.T) {
	w := newDeedWorld(t)
	sa := w.account(func(sa *corev1.ServiceAccount) {
		sa.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "theirs"}}
	})
	attach := plan.Action{Verb: plan.Attach, Target: sa.NamespacedName, Account: sa, Secret: "s"}
	if err := w.do(t.Context(), attach); err != nil {
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
	seen := w.c.cluster.AccountsIn("to")
	if len(seen) != 1 || len(seen[0].PullSecrets) != 2 || seen[0].Bare {
		t.Fatalf("the caches show %+v", seen)
	}
	detach := plan.Action{Verb: plan.Detach, Target: sa.NamespacedName, Account: seen[0], Secret: "s"}
	if err := w.do(t.Context(), detach); err != nil {
		t.Fatal(err)
	}
	check("detached", "theirs", "")
	if seen := w.c.cluster.AccountsIn("to"); len(seen) != 1 || len(seen[0].PullSecrets) != 1 || !seen[0].Bare {
		t.Errorf("the caches show %+v", seen)
	}
}

func TestOutcomesSayWhenToLookAgain(t *testing.T) {
	gr := corev1.Resource("secrets")
	invalid := &apierrors.StatusError{ErrStatus: metav1.Status{Code: 422, Reason: metav1.StatusReasonInvalid}}
	for _, test := range []struct {
		name    string
		verb    plan.Verb
		err     error
		want    when
		wrote   int
		waiting bool
	}{
		{"done", plan.Create, nil, changed, 1, false},
		{"not tried", plan.Create, errNotTried, now, 0, true},
		{"overloaded", plan.Create, errOverloaded, changed, 0, true},
		{"conflict", plan.Update, apierrors.NewConflict(gr, "s", errors.New("x")), again, 0, true},
		{"unfit", plan.Adopt, &unfitError{"it is not"}, now, 0, true},
		{"too many", plan.Create, apierrors.NewTooManyRequests("x", 3), when(3 * time.Second), 0, true},
		{"too many, at once", plan.Create, apierrors.NewTooManyRequests("x", 0), again, 0, true},
		{"no answer", plan.Create, errors.New("EOF"), again, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, _ := newTestController(t)
			s := c.state(contentKey("s"))
			s.fail(testTarget, "before", time.Now())
			wrote := map[plan.Verb]int{}
			a := plan.Action{Verb: test.verb, Target: testTarget, At: informers.Standing{Candidate: &informers.Candidate{}}}
			if got := c.settleAction(t.Context(), s, a, test.err, wrote); got != test.want {
				t.Errorf("look again: %v, want %v", got, test.want)
			}
			if wrote[test.verb] != test.wrote || (s.waits[testTarget] != nil) != test.waiting {
				t.Errorf("wrote %v, waits %v", wrote, s.waits)
			}
			if (s.unfit[testTarget].Reason != "") != (test.name == "unfit") {
				t.Errorf("unfit: %v", s.unfit)
			}
		})
	}
	c, _ := newTestController(t)
	s := c.state(contentKey("s"))
	got := c.settleAction(t.Context(), s, plan.Action{Verb: plan.Create, Target: testTarget}, invalid, nil)
	if got <= 0 || got > when(firstWait) || s.waits[testTarget] == nil || s.waits[testTarget].reason == "" {
		t.Errorf("a refusal waits %v: %+v", got, s.waits[testTarget])
	}
}

func TestRepairsAreCountedOnlyOnceAllWasInSync(t *testing.T) {
	c, _ := newTestController(t)
	s := c.state(contentKey("s"))
	update := plan.Action{Verb: plan.Update, Target: testTarget}
	s.source = &plan.Source{Push: informers.Digest{1}}
	c.settleAction(t.Context(), s, update, nil, map[plan.Verb]int{})
	if s.waits[testTarget] != nil {
		t.Error("a rotation was counted as a repair")
	}
	s.settled = s.source.Push
	c.settleAction(t.Context(), s, update, nil, map[plan.Verb]int{})
	if w := s.waits[testTarget]; w == nil || w.failures != 1 || !w.until.IsZero() {
		t.Errorf("a repair was not counted: %+v", w)
	}
	c.settleAction(t.Context(), s, plan.Action{Verb: plan.Delete, Target: testTarget}, nil, map[plan.Verb]int{})
	if s.waits[testTarget] == nil {
		t.Error("a removal ended the wait")
	}
}

func TestPassDoesWhatItCanAndSaysWhatIsLeft(t *testing.T) {
	w := newDeedWorld(t)
	s := w.c.state(w.key)
	s.source, s.version, s.uid, s.policy = w.source, 7, "u", w.source.Policy
	w.c.contents.put(w.key, s.uid, s.version, w.content)
	create := plan.Action{Verb: plan.Create, Target: testTarget}
	other := plan.Action{Verb: plan.Create, Target: types.NamespacedName{Namespace: "missing", Name: "s"}}

	s.fail(testTarget, "refused", time.Now())
	after, wrote := w.c.apply(t.Context(), w.key, s, []plan.Action{create})
	if after <= 0 || after > when(firstWait) || len(wrote) != 0 || w.secret() != nil {
		t.Errorf("a target that waits: look again %v, wrote %v", after, wrote)
	}
	delete(s.waits, testTarget)
	after, wrote = w.c.apply(t.Context(), w.key, s, []plan.Action{other, create})
	if after != changed || wrote[plan.Create] != 1 || w.secret() == nil {
		t.Errorf("one of two: look again %v, wrote %v", after, wrote)
	}
	many := make([]plan.Action, passLimit+1)
	for i := range many {
		many[i] = plan.Action{Verb: plan.Detach, Account: &informers.ServiceAccount{}}
	}
	s.news.Store(int64(informers.NewsOfItself))
	if after, wrote = w.c.apply(t.Context(), w.key, s, many); after != now || len(wrote) != 0 {
		t.Errorf("interrupted: look again %v, wrote %v", after, wrote)
	}
	s.news.Store(int64(informers.NewsAround))
	w.c.contents = newContents()
	if after, _ = w.c.apply(t.Context(), w.key, s, []plan.Action{create}); after != again {
		t.Errorf("the source has gone meanwhile: look again %v", after)
	}
}

func TestOverloadEndsThePassEarly(t *testing.T) {
	w := newDeedWorld(t)
	refuse := &refusing{code: http.StatusServiceUnavailable, from: 1}
	wrapAPI(t, w.c, refuse)
	many := make([]plan.Action, 20)
	for i := range many {
		many[i] = plan.Action{Verb: plan.Create, Target: testTarget}
	}
	errs := w.all(t.Context(), w.c.state(w.key), many)
	if refuse.writes != 1 || !overload(errs[0]) {
		t.Errorf("%d requests were made, the first came to %v", refuse.writes, errs[0])
	}
	for i, err := range errs[1:] {
		if !errors.Is(err, errOverloaded) {
			t.Errorf("action %d: %v", i+1, err)
		}
	}
}

// wrapAPI puts a fault between a controller's writes and the server.
func wrapAPI(t *testing.T, c *Controller, refuse *refusing) {
	t.Helper()
	config := rest.CopyConfig(c.options.Config)
	refuse.RoundTripper = config.Transport
	config.Transport = refuse
	var err error
	if c.api, err = newAPI(config); err != nil {
		t.Fatal(err)
	}
}
